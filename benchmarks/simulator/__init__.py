"""What a fleet would do, by the server's own queue, sessions and batcher on a clock that does not wait."""
