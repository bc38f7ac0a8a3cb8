"""Jenkins: a declarative pipeline with JUnit and HTML reports, and the release behind a question."""

from __future__ import annotations

from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_PIPELINE = """\
pipeline {
    agent { label '<<label>>' }
    options {
        timeout(time: <<timeout>>, unit: 'MINUTES')
        disableConcurrentBuilds()       // one store: one run at a time
        buildDiscarder(logRotator(numToKeepStr: '20'))
    }
    parameters {
        string(name: 'FORCE', defaultValue: '', description: 'A step to make again even if nothing changed')
    }
    stages {
        stage('Install') {
            steps {
                sh 'python3 -m venv .venv-ci'
                sh ".venv-ci/bin/python -m pip install '<<requirement>>'"
            }
        }
        stage('Gate') {
            steps {
                sh '.venv-ci/bin/modelworks export jenkins --check'
                // Ends with 1 when the gate says no: then the build is red, and nothing is released.
                sh '.venv-ci/bin/modelworks run --until gate ${FORCE:+--force "$FORCE"}'
            }
            post {
                always {
                    sh 'rm -rf verdict && mkdir verdict'
                    sh 'cp -r "$(ls -td .modelworks/store/gate/*/ | head -n 1)". verdict/'
                    junit 'verdict/junit.xml'
                    archiveArtifacts artifacts: 'verdict/**'
                    publishHTML(target: [reportDir: 'verdict', reportFiles: 'report.html', reportName: 'Model report'])
                }
            }
        }
        stage('Release') {
            when { branch '<<branch>>' }
            steps {
                // A registry with a password: store it in Jenkins as `<<credentials>>`.
                withCredentials([usernamePassword(
                    credentialsId: '<<credentials>>',
                    usernameVariable: 'MLFLOW_TRACKING_USERNAME', passwordVariable: 'MLFLOW_TRACKING_PASSWORD'
                )]) {
                    sh '.venv-ci/bin/modelworks run'
                }
                sh ".venv-ci/bin/modelworks bundle pack champion '<<name>>.zip'"
                archiveArtifacts artifacts: '<<name>>.zip, modelworks.lock'
            }
        }
    }
}
"""


def _files(facts: Facts) -> tuple[File, ...]:
    values = {**facts.options, "name": facts.name, "requirement": facts.requirement}
    return (File(path="Jenkinsfile", text=head(facts, "jenkins", "//") + "\n" + fill(_PIPELINE, **values)),)


TARGET = Target(
    name="jenkins",
    summary="Jenkins: a declarative pipeline with JUnit and HTML reports.",
    files=_files,
    options={"branch": "main", "label": "any", "timeout": "120", "credentials": "mlflow"},
    next_="commit the Jenkinsfile; make a multibranch pipeline of the repository.",
)
