"""What is done with a model that is named: scored, exported, verified, timed, drawn, used."""
