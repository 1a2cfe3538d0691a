"""LangChain's wrapper for images, with its defaults: a size and a model of another server's, and an address that it reads."""

import sys
import urllib.request

from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

address = sys.argv[1]
for options in ({}, {"model": "dall-e-3", "quality": "hd", "n": 2, "size": "1792x1024"}):
    urls = DallEAPIWrapper(base_url=f"{address}/v1", api_key="none", **options).run("a boat").split("\n")
    assert len(urls) == options.get("n", 1), urls
    for url in urls:
        assert urllib.request.urlopen(url).read().startswith(b"\x89PNG"), url
print("done")
