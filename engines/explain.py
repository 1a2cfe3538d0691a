"""What libraries say when they fail, as part of a sentence of ours."""


def first_line(error: BaseException) -> str:
    """The beginning of an error's text, or its kind where it has none."""
    return (str(error).strip() or repr(error)).splitlines()[0][:200]
