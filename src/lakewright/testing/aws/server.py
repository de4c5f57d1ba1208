"""The process of the emulated AWS: moto's server on a free port, which it prints; it ends when its stdin does."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

MENDED = "account", "datasync", "dms", "glue", "s3", "validation"
"""The modules beside this one, each of which mends moto when it is imported."""


def main() -> None:
    """Serve until stdin ends."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # else no policy of AWS's own can be attached to a role
    for name in MENDED:
        importlib.import_module(f"lakewright.testing.aws.{name}")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True, request_handler=MotoRequestHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
