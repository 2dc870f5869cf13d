"""Settings of the Bugsink that the tests start: everything in one scratch folder, on loopback, nobody to log in."""

import os

from bugsink.settings.default import *  # noqa: F403

_FOLDER = os.environ["FORETOKEN_BUGSINK_FOLDER"]

# Drawn by the test; sessions of nobody depend on it.
SECRET_KEY = os.environ["FORETOKEN_BUGSINK_SECRET"]
DATABASES["default"]["NAME"] = os.path.join(_FOLDER, "db.sqlite3")  # noqa: F405
DATABASES["snappea"]["NAME"] = os.path.join(_FOLDER, "snappea.sqlite3")  # noqa: F405
# Reports are digested while they are handed in, so that an answer says that one is stored.
SNAPPEA = {"TASK_ALWAYS_EAGER": True}
BUGSINK = {
    "BASE_URL": os.environ["FORETOKEN_BUGSINK_URL"],
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "INGEST_STORE_BASE_DIR": os.path.join(_FOLDER, "ingest"),
    "PHONEHOME": False,
}
