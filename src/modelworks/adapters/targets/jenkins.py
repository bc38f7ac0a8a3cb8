"""Jenkins: a declarative pipeline with JUnit and HTML reports; a release from the main branch."""

from __future__ import annotations

from modelworks.adapters.targets import _release
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
    environment {
        PATH = "${env.WORKSPACE}/.venv-ci/bin:${env.PATH}"
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
                sh 'rm -rf verdict'
                sh 'modelworks export --check'
                // Ends with 1 when the gate says no: then the build is red, and nothing is released.
                sh 'modelworks run --until gate --verdict verdict ${FORCE:+--force "$FORCE"}'
            }
            post {
                always {
                    junit testResults: 'verdict/junit.xml', allowEmptyResults: true
                    archiveArtifacts artifacts: 'verdict/**', allowEmptyArchive: true
                    publishHTML(target: [
                        reportDir: 'verdict', reportFiles: 'report.html', reportName: 'Model report',
                        allowMissing: true, keepAll: true, alwaysLinkToLastBuild: true
                    ])
                }
            }
        }
        stage('Release') {
            when { branch '<<branch>>' }
            steps {
                <<release>>
                sh 'modelworks bundle export champion "<<name>>.zip"'
                archiveArtifacts artifacts: '<<name>>.zip, modelworks.lock'
                // Username and password (or token) that may push to the repository.
                withCredentials([gitUsernamePassword(credentialsId: '<<push>>')]) {
                    sh \'\'\'
                        <<pin>>
                    \'\'\'
                }
            }
        }
    }
}
"""

_RELEASE = """\
// The registry's password: stored in Jenkins as `<<credentials>>`.
                withCredentials([usernamePassword(
                    credentialsId: '<<credentials>>',
                    usernameVariable: 'MLFLOW_TRACKING_USERNAME', passwordVariable: 'MLFLOW_TRACKING_PASSWORD'
                )]) {
                    sh 'modelworks run'
                }"""


def _files(facts: Facts) -> tuple[File, ...]:
    values = {**facts.options, "name": facts.name, "requirement": facts.requirement}
    release = fill(_RELEASE, **values) if facts.options["credentials"] else "sh 'modelworks run'"
    values |= {"release": release, "pin": fill(_release.pin(24), **values)}
    return (File(path="Jenkinsfile", text=head(facts, "jenkins", "//") + "\n" + fill(_PIPELINE, **values)),)


TARGET = Target(
    name="jenkins",
    summary="Jenkins: a declarative pipeline with JUnit and HTML reports.",
    files=_files,
    options={"branch": "main", "label": "", "timeout": "120", "credentials": "", "push": "git"},
    next_="commit the Jenkinsfile; make a multibranch pipeline of the repository.",
)
