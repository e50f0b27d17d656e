"""The extension: what Sphinx calls when a project's ``conf.py`` names the package."""

from pathlib import Path
from typing import Final

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

from qmpeer.sphinx_domain.domain import QapiDomain
from qmpeer.sphinx_domain.examples import ConversationLexer, Example

_STATIC: Final = Path(__file__).parent / "static"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the domain ``qapi``, the directive ``qmp-example``, the lexer ``QMP`` and our looks."""
    app.add_domain(QapiDomain)
    app.add_directive("qmp-example", Example)
    app.add_lexer(ConversationLexer.name, ConversationLexer)
    app.add_config_value(
        "qapi_allowed_fields", frozenset(), "env", types=frozenset({set, list, tuple, frozenset})
    )
    app.connect("config-inited", _add_static_files)
    app.add_css_file("qapi.css")
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }


def _add_static_files(app: Sphinx, config: Config) -> None:
    config.html_static_path = [*config.html_static_path, str(_STATIC)]
