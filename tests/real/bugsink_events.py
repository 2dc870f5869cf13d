"""Prints what Bugsink stored of each report, a JSON object a line, straight from its database."""

import os
import sqlite3
import sys

database = sqlite3.connect(os.path.join(os.environ["FORETOKEN_BUGSINK_FOLDER"], "db.sqlite3"))
for (data,) in database.execute("SELECT data FROM events_event ORDER BY digested_at"):
    sys.stdout.write(data.replace("\n", " ") + "\n")
