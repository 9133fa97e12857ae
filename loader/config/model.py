"""What every part of the configuration is made of: frozen, and without unknown keys."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from loader.config.document import nearest
from loader.config.setting_types import at_key


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_key(cls, data: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in data if isinstance(data, dict) else ():
            if key not in known and key not in cls.model_fields:
                near = nearest(key, known)
                raise at_key("unknown key" + (f"; did you mean {near}?" if near else ""), key)
        return data
