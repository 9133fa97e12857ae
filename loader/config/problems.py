"""Pydantic's findings in the words of somebody who edits a YAML file, each with file, line and key."""

from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loader.basics.errors import ConfigError
from loader.config.document import Document, KeyPath, dotted

WORDS = MappingProxyType(
    {
        "tuple_type": "must be a list",
        "string_type": "must be text",
        "dict_type": "must have keys of its own",
        "mapping_type": "must have keys of its own",
        "model_type": "must have keys of its own",
        "too_short": "must not be empty",
        "string_too_short": "must not be empty",
        "bool_parsing": "must be true or false",
        "bool_type": "must be true or false",
    }
)


def config_error(document: Document, error: ValidationError) -> ConfigError:
    """One line for each problem. One about a key stands for those about what the key is in."""
    problems = dict(_problem(document, detail) for detail in error.errors(include_url=False))
    lines = [
        document.concealed(f"{document.place(path)}: {dotted(path)}: {message}")
        for path, message in problems.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in problems)
    ]
    return ConfigError("\n".join(lines), "Every setting is explained in conf/hotswap.example.yaml of hotswap's source.")


def _problem(document: Document, detail: ErrorDetails) -> tuple[KeyPath, str]:
    path = document.real(detail["loc"])
    context = detail.get("ctx", {})
    match detail["type"]:
        case "at_key":
            return (*path, *context["path"]), context["message"]
        case "missing":
            return (*path, detail["loc"][-1]), "is missing"
        case "value_error":
            return path, str(context["error"])
        case other:
            return path, WORDS.get(other) or detail["msg"].replace("Input should be", "must be")
