"""The mathematics: models know no path, no optimiser and no database."""
