"""Front ends and workers with a queue between them: how much more two do than one, what the queue costs, what a death costs."""
