"""The *-site.xml and log4j files that Hadoop's family reads from its class path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

_LOG4J = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p [%t] %c{2}: %.1000m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def write_conf(folder: Path, site_name: str, settings: Mapping[str, str]) -> Path:
    """Write `<site_name>.xml` and log4j2.properties (warnings to stderr) into `folder`; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    root = ElementTree.Element("configuration")
    for name, value in settings.items():
        entry = ElementTree.SubElement(root, "property")
        ElementTree.SubElement(entry, "name").text = name
        ElementTree.SubElement(entry, "value").text = value
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(folder / f"{site_name}.xml", encoding="utf-8", xml_declaration=True)
    (folder / "log4j2.properties").write_text(_LOG4J)
    return folder
