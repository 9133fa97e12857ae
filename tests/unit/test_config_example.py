"""conf/hotswap.example.yaml explains every setting, and what it calls a default is the program's."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from loader.config import settings, source_settings
from loader.config.document import read_document
from loader.config.model import Model
from loader.wiring.check import check_settings

EXAMPLE = Path(__file__).parents[2] / "conf" / "hotswap.example.yaml"
TABLE, EVENTS = ("tables", "ads.performance"), ("tables", "ads.impressions")
OF_EVENTS = settings.OF_EVENTS | {"source"}
SECTIONS: list[tuple[type[BaseModel], tuple[str, ...]]] = [
    (settings.Settings, ()),
    (settings.MetastoreSettings, ("metastore",)),
    (source_settings.HBaseSettings, ("hbase",)),
    (settings.Metrics, ("metrics",)),
    (settings.TableSettings, TABLE),
    (settings.Alarms, (*TABLE, "alarms")),
    (source_settings.SourceSettings, (*EVENTS, "source")),
    (source_settings.KafkaSource, (*EVENTS, "source", "kafka")),
]
NESTED: list[type[BaseModel]] = [
    settings.Cell,
    settings.RowKey,
    settings.PartitionBy,
    settings.Transform,
    settings.KeepFor,
]
NESTED += [settings.ReconcileSettings, source_settings.TlsSettings, source_settings.SaslSettings]
NESTED += [source_settings.EventField]
EXPLAINED_BY_A_VALUE = {
    "time_zone",
    "location",
    "thrift",
    "hbase",
    "hbase_table",
    "mapping",
    "source",
    "fields",
}  # they have no default that could be shown

ALL = [
    (model, EVENTS if model is settings.TableSettings and name in OF_EVENTS else path, name)
    for model, path in SECTIONS
    for name in model.model_fields
]
WITH_DEFAULT = [
    (model, path, name)
    for model, path, name in ALL
    if not model.model_fields[name].is_required() and name not in EXPLAINED_BY_A_VALUE
]


def named(value: object) -> str:
    return ".".join(value) if isinstance(value, tuple) else getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("model", "path", "name"), ALL, ids=named)
def test_every_setting_stands_in_the_example(model: type[BaseModel], path: tuple[str, ...], name: str) -> None:
    assert (*path, name) in read_document(EXAMPLE, {}).lines


@pytest.mark.parametrize(("model", "path", "name"), ALL, ids=named)
def test_every_setting_is_explained_above_it(model: type[BaseModel], path: tuple[str, ...], name: str) -> None:
    line = read_document(EXAMPLE, {}).lines[(*path, name)]
    assert EXAMPLE.read_text().splitlines()[line - 2].lstrip().startswith("#")


@pytest.mark.parametrize(("model", "path", "name"), WITH_DEFAULT, ids=named)
def test_a_default_in_the_example_is_that_of_the_program(
    model: type[BaseModel], path: tuple[str, ...], name: str
) -> None:
    section: object = settings.load(EXAMPLE, {})
    for step in path:
        section = section[step] if isinstance(section, dict) else getattr(section, step)
    assert getattr(section, name) == model.model_fields[name].get_default()


@pytest.mark.parametrize("model", NESTED, ids=lambda model: model.__name__)
def test_the_keys_of_nested_settings_stand_in_the_example(model: type[BaseModel]) -> None:
    keys = [field.alias or name for name, field in model.model_fields.items()]
    text = EXAMPLE.read_text()
    assert [key for key in keys if not re.search(rf"\b{key}: ", text)] == []


def test_every_model_of_the_configuration_is_looked_at_here() -> None:
    models = {
        value
        for module in (settings, source_settings)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Model)
    }
    assert models - {Model} == {model for model, _ in SECTIONS} | set(NESTED)


def test_the_example_is_a_valid_configuration() -> None:
    check_settings(settings.load(EXAMPLE, {}))
