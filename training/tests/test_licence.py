"""Two golden lists of licence texts: those that pass and those that must not."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import ingest
import licence

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software and associated documentation files (the \"Software\"), to deal"
APACHE = "                                 Apache License\n                           Version 2.0, January 2004\n"
BSD2 = "Redistribution and use in source and binary forms, with or without\nmodification, are permitted"
BSD3 = BSD2 + "\n* Neither the name of the author nor the names of its contributors"
GPL = "GNU GENERAL PUBLIC LICENSE Version 3"
MPL = "Mozilla Public License Version 2.0"


class Decide(unittest.TestCase):
    def test_passes(self) -> None:
        for texts, spdx in (
            ([MIT], "MIT"),
            ([APACHE], "Apache-2.0"),
            ([BSD2], "BSD-2-Clause"),
            ([BSD3], "BSD-3-Clause"),
            ([MIT, APACHE], "Apache-2.0 OR MIT"),
            ([GPL, BSD3], "BSD-3-Clause"),
            (["This project is dual-licensed: at your option under\n" + MIT + "\n" + GPL], "MIT"),
        ):
            with self.subTest(spdx):
                self.assertEqual(licence.decide(texts), spdx)

    def test_refuses(self) -> None:
        for texts in ([], [""], [GPL], [MPL], ["Business Source License 1.1"], ["GNU Affero General Public License"], [MIT + "\nParts are under the\n" + GPL], ["All rights reserved."]):
            with self.subTest(texts):
                self.assertIsNone(licence.decide(texts))


class Reserved(unittest.TestCase):
    def test_names_of_the_independent_evaluation(self) -> None:
        for name in ("flask", "requests", "pytest", "fd", "mdbook", "dayjs", "jsoup", "llhttp", "zerolog"):
            self.assertIn(name, ingest.RESERVED)
        for name in ("fastapi", "tokio", "vite"):
            self.assertNotIn(name, ingest.RESERVED)


if __name__ == "__main__":
    unittest.main()
