"""All measuring: engines, the server, loads, soaks, attacks, GPUs, and a rehearsal of the dashboards."""
