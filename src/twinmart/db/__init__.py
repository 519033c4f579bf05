"""What every part needs of PostgreSQL: connections, SQL files, migrations, partitions, locks."""
