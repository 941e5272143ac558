"""The Grafana dashboard as code: panels, the generator, and the queries inside of the result."""
