"""Lines of shell that the CI targets share: the champion brought back, and the release pinned in Git."""

from __future__ import annotations

import textwrap

VERSION = """$(python3 -c 'import json; print(json.load(open("modelworks.lock"))["channels"]["champion"])'"""
"""Shell: the number of the champion's release; to be closed with `)`, or with what is to happen when there is none."""

_CHAMPION = (
    f"""\
version={VERSION} 2>/dev/null || true)
"""
    + """\
if [ -n "$version" ] && ! modelworks bundle show champion >/dev/null 2>&1; then
  <<download>> && modelworks release restore "<<name>>.zip" ||
    echo "release $version is neither in the cache nor published: the gate cannot compare with it"
  rm -f "<<name>>.zip"
fi
"""
)

_PIN = """\
git config user.name '<<who>>'
git config user.email '<<mail>>'
git add modelworks.lock
if ! git diff --cached --quiet; then
  git commit -q -m "Pin the new release [skip ci]"
  git fetch -q origin "<<branch>>"
  git rebase -q FETCH_HEAD
  git push -q <<remote>> "HEAD:<<branch>>"
fi
"""


def champion(download: str, indent: int) -> str:
    """Bring the champion's bundle back when no cache holds it; `download` puts <<name>>.zip of $version here."""
    return _indented(_CHAMPION.replace("<<download>>", download), indent)


def pin(indent: int, remote: str = "origin", who: str = "modelworks", mail: str = "modelworks@localhost") -> str:
    """Commit modelworks.lock and push it to the branch, so that the next gate compares with this release."""
    text = _PIN.replace("<<remote>>", remote).replace("<<who>>", who).replace("<<mail>>", mail)
    return _indented(text, indent)


def _indented(text: str, indent: int) -> str:
    return textwrap.indent(text, " " * indent).lstrip().rstrip("\n")
