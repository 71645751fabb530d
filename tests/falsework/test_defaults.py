"""What holds when no file says anything, and what must be said."""

from tests.falsework.toy import BASE, Log, PythonSource, first_lines, load, on_base, on_base_wrong, problems, write


def test_a_table_that_no_file_mentions_is_its_default_object() -> None:
    assert on_base("").value.data == PythonSource(seq_len=128)
    assert on_base("").value.note is None


def test_a_mentioned_table_takes_the_rest_from_its_default_object() -> None:
    assert on_base("[data]\nkind = 'python_source'\ntags = []").value.data == PythonSource(seq_len=128, tags=())
    assert on_base("log.every_steps = 3").value.log == Log(every_steps=3)
    assert on_base("[log]").value.log == Log()


def test_a_mentioned_component_needs_its_kind_all_the_same() -> None:
    assert on_base_wrong("data.seq_len = 3") == ["a.toml:1:1: data.kind: required: it says what this table is"]


def test_what_is_required_is_asked_for_at_its_table() -> None:
    write("a.toml", BASE.replace("num_layers = 6", ""))
    assert first_lines("a.toml") == ["a.toml:7:1: model.num_layers: required, and no file sets it"]
    write("why.toml", 'why = "nothing else"')
    assert first_lines("why.toml") == [
        "why.toml:1:1: model: required, and no file sets it",
        "why.toml:1:1: optimizer: required, and no file sets it",
        "why.toml:1:1: train: required, and no file sets it",
    ]


def test_a_required_key_of_a_table_in_a_base_is_asked_for_there() -> None:
    write("base.toml", BASE.replace("lr = 3e-4", ""))
    write("child.toml", 'extends = "base.toml"\ntrain.seed = 1')
    assert first_lines("child.toml") == ["base.toml:4:1: optimizer.lr: required, and no file sets it"]


def test_an_empty_file_is_pointed_at() -> None:
    write("a.toml", "")
    assert {problem.spot.layer.name for problem in problems("a.toml") if problem.spot} == {"a.toml"}


def test_defaults_are_plain_data_in_the_order_of_the_schema() -> None:
    tree = on_base("").tree
    assert list(tree) == ["train", "optimizer", "model", "data", "log", "eval", "weights"]
    assert tree["data"] == {"kind": "python_source", "seq_len": 128, "tags": ["python"]}
    assert tree["log"] == {"every_steps": 50, "file": "log.txt"}
    assert list(tree["optimizer"]) == ["kind", "lr", "betas", "weight_decay"]


def test_two_configs_share_no_default() -> None:
    write("base.toml", BASE)
    first, second = load("base.toml"), load("base.toml")
    assert first.value.eval is not second.value.eval
