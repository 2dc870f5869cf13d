"""Makes Bugsink's database with one project, and prints the project's DSN."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)
call_command("migrate", database="snappea", verbosity=0)

from projects.models import Project  # noqa: E402
from teams.models import Team  # noqa: E402

team = Team.objects.create(name="tests")
print(Project.objects.create(name="foretoken", team=team).dsn)
