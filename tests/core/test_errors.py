from modelworks.core.errors import ConfigError, MissingExtra, ModelworksError, RequestError, nearest


def test_says_where_what_allowed_and_next() -> None:
    error = ConfigError("unknown key", where="modelworks.yaml:3", seen="modle", allowed=["model", "budget"])
    text = str(error)
    for part in ("unknown key", "modelworks.yaml:3", "modle", "model, budget", "did you mean 'model'?"):
        assert part in text


def test_own_hint_wins_over_the_nearest_name() -> None:
    assert ConfigError("x", seen="a", allowed=["aa"], hint="run doctor").hint == "run doctor"


def test_long_values_are_shortened() -> None:
    assert len(str(ModelworksError("x", seen="y" * 10_000))) < 400


def test_dict_holds_the_same_facts() -> None:
    assert RequestError("bad", status=422, where="body", seen=3, allowed="text").to_dict() == {
        "error": "request", "message": "bad", "where": "body", "seen": "3", "allowed": "text",
    }  # fmt: skip


def test_missing_extra_names_the_command() -> None:
    assert "pip install 'modelworks[train]'" in str(MissingExtra("torch", "train"))


def test_nearest_is_silent_when_nothing_is_close() -> None:
    assert nearest("zzz", ["alpha", "beta"]) is None
