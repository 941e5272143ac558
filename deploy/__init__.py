"""How the program is run elsewhere: compose, Prometheus, Grafana."""
