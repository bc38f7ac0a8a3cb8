"""The script of the target vertex: text here, since it needs Google's SDK and runs in another environment."""

DEPLOY = '''\
"""Send the files beside this one to Vertex AI (pip install google-cloud-aiplatform; credentials: gcloud auth).

    python deploy.py check            every file against the SDK's own types; nothing is sent
    python deploy.py release [SHARE]  upload the model, deploy it beside what answers, give it SHARE % (10)
    python deploy.py traffic SHARE    give the newest deployed model SHARE % of the requests (100: all; 0: back)
    python deploy.py batch            a batch prediction with the newest model
    python deploy.py train            the training job
"""

import json
import sys
from pathlib import Path

from google.cloud import aiplatform_v1 as api
from google.protobuf.json_format import ParseDict

PROJECT, REGION = "<<project>>", "<<region>>"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
TYPES = {
    "model": api.Model, "endpoint": api.Endpoint, "deployed-model": api.DeployedModel,
    "batch-prediction-job": api.BatchPredictionJob, "custom-job": api.CustomJob,
}


def read(name, **more):
    """A file as the SDK's message; an unknown field or a wrong type is an error."""
    body = json.loads(Path(__file__).with_name(f"{name}.json").read_text())
    message = TYPES[name]()
    ParseDict({**body, **more}, TYPES[name].pb(message), ignore_unknown_fields=False)
    return message


def client(kind):
    return kind(client_options={"api_endpoint": f"{REGION}-aiplatform.googleapis.com"})


def newest(listed, what):
    found = sorted(listed, key=lambda one: one.create_time)
    if not found:
        sys.exit(f"there is no {what}")
    return found[-1]


def named(name):
    return f'display_name="{read(name).display_name}"'


def model():
    return newest(client(api.ModelServiceClient).list_models(parent=PARENT, filter=named("model")), "model")


def endpoint(create=False):
    door = client(api.EndpointServiceClient)
    found = list(door.list_endpoints(parent=PARENT, filter=named("endpoint")))
    if create and not found:
        return door.create_endpoint(parent=PARENT, endpoint=read("endpoint")).result(timeout=600)
    return newest(found, "endpoint")


def split(deployed, new, share):
    """The traffic of each deployed model when the new one (by its id) gets a share: whole numbers that make 100."""
    old = {id_: part for id_, part in deployed.items() if part and id_ != new}
    if not old:
        return {new: 100}
    total, rest = sum(old.values()), 100 - share
    parts = {id_: part * rest // total for id_, part in old.items()}
    parts[max(old, key=old.get)] += rest - sum(parts.values())
    return {**parts, new: share}


def release(share="10"):
    upload = client(api.ModelServiceClient).upload_model(parent=PARENT, model=read("model")).result(timeout=1800)
    to = endpoint(create=True)
    deployed = read("deployed-model", model=upload.model)
    parts = split(dict(to.traffic_split), "0", int(share))  # "0" is the one that this request deploys
    door = client(api.EndpointServiceClient)
    door.deploy_model(endpoint=to.name, deployed_model=deployed, traffic_split=parts).result(timeout=3600)
    print(f"{to.name}: {parts}")


def traffic(share):
    to = endpoint()
    newest_id = newest(to.deployed_models, "deployed model").id
    given = dict(to.traffic_split)
    if int(share) == 0 and set(id_ for id_, part in given.items() if part) == {newest_id}:
        others = [one for one in to.deployed_models if one.id != newest_id]
        given = {newest(others, "older deployed model").id: 100}
    changed = api.Endpoint(name=to.name, traffic_split=split(given, newest_id, int(share)))
    door = client(api.EndpointServiceClient)
    door.update_endpoint(endpoint=changed, update_mask={"paths": ["traffic_split"]})
    print(f"{to.name}: {dict(changed.traffic_split)}")


def batch():
    job = read("batch-prediction-job", model=model().name)
    print(client(api.JobServiceClient).create_batch_prediction_job(parent=PARENT, batch_prediction_job=job).name)


def train():
    print(client(api.JobServiceClient).create_custom_job(parent=PARENT, custom_job=read("custom-job")).name)


def check():
    for name in TYPES:
        read(name)
        print(f"{name}.json: as the SDK has it")


COMMANDS = {"check": check, "release": release, "traffic": traffic, "batch": batch, "train": train}
if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
'''
