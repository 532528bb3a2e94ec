"""No pickle is ever loaded: not by our code, not from the store, not from MLflow."""

import ast
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dealcast.cli import cli
from dealcast.errors import DealcastError
from dealcast.workflow.store import Store

SOURCE = Path(__file__).resolve().parents[2] / "src"
# Modules whose reading runs what it reads, and what reads or runs such content elsewhere.
MODULES = {"pickle", "cPickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
REGISTRY = "models/registry.json"
NAMES = {"read_pickle", "to_pickle", "allow_pickle", "load_model", "unsafe_load", "eval", "exec"}


def loads_what_runs(code: str) -> Iterator[str]:
    """Each import, call or argument in the code by which content could be run, with its line."""
    for node in ast.walk(ast.parse(code)):
        words: list[str] = []
        if isinstance(node, ast.Import):
            words = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            words = [*f"{node.module}".split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Name):
            words = [node.id]
        elif isinstance(node, ast.Attribute):
            words = [node.attr]
        elif isinstance(node, ast.keyword):
            words = [f"{node.arg}"]
        for word in words:
            if {word, word.split(".")[0]} & (MODULES | NAMES):
                yield f"line {getattr(node, 'lineno', '?')}: {word}"


def test_no_code_of_ours_can_load_one() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    found = {
        str(file.relative_to(SOURCE)): told
        for file in files
        if (told := list(loads_what_runs(file.read_text(encoding="utf-8"))))
    }

    assert len(files) > 250
    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import joblib.numpy_pickle as n",
        "from pyspark import cloudpickle",
        "from dill import loads",
        "pd.read_pickle(file)",
        "np.load(file, allow_pickle=True)",
        "mlflow.pyfunc.load_model(uri)",
        "eval(text)",
    ],
)
def test_the_search_finds_what_it_looks_for(code: str) -> None:
    assert list(loads_what_runs(code))


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return Path.touch, (self._mark,)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a model and scores of the generated sample. Not to be changed."""
    root = tmp_path_factory.mktemp("trained") / "store"
    command = ["run", "--source", "sample", "--set", "source.opportunities=1500", "--to", "score"]
    done = CliRunner().invoke(cli, [*command, "--root", str(root), "--json"])
    assert done.exit_code == 0, done.output
    return root


def test_the_bomb_goes_off_where_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "mark")))

    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "replaced",
    ["models/*.json", REGISTRY, "runs/latest_steps.json"],
)
@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_in_the_place_of_an_object_is_refused(
    trained: Path, tmp_path: Path, replaced: str, protocol: int
) -> None:
    root, mark = tmp_path / "store", tmp_path / "mark"
    shutil.copytree(trained, root)
    (file,) = [f for f in root.glob(replaced) if (f.name in REGISTRY) == (replaced == REGISTRY)]
    file.write_bytes(pickle.dumps(Bomb(mark), protocol))

    words = ["run", "--source", "sample", "--from", "score", "--to", "score", "--root", str(root)]
    done = CliRunner().invoke(cli, words)

    assert isinstance(done.exception, DealcastError), done.output
    assert file.name in done.exception.problem
    assert not mark.exists()


def test_a_raw_export_that_is_a_pickle_is_rows_that_cannot_be_read(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for name in ("deals.csv", "deals.parquet"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb(mark)))
        words = ["ingest", "--path", str(tmp_path / name), "--root", str(tmp_path / "store")]
        done = CliRunner().invoke(cli, words)
        assert isinstance(done.exception, DealcastError), done.output

    assert not mark.exists()


def test_mlflow_gets_a_model_without_a_pickle_and_serves_it_from_json(
    trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    import mlflow
    import yaml

    from dealcast.tracking.mlflow.client import quiet
    from dealcast.tracking.mlflow.models import example, write_model

    (model,) = [f for f in trained.glob("models/*.json") if f.name != "registry.json"]
    store, folder, mark = Store(str(trained)), tmp_path / "model", tmp_path / "mark"
    with quiet():
        write_model(folder, model.read_bytes())
        flavours = yaml.safe_load((folder / "MLmodel").read_text())["flavors"]
        # What MLflow would load, were it asked for a pickled model.
        (folder / "python_model.pkl").write_bytes(pickle.dumps(Bomb(mark)))
        served = mlflow.pyfunc.load_model(str(folder))
        scored = served.predict(example(store.get_json(f"models/{model.name}")))

    names = [f.name for f in folder.rglob("*") if f.name != "python_model.pkl"]
    assert set(flavours) == {"python_function"}
    assert Path(flavours["python_function"]["model_code_path"]).name == "served.py"
    assert "python_model" not in flavours["python_function"]
    assert not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib", ".skops", ".bin"))]
    assert len(scored) == 2
    assert not mark.exists()
