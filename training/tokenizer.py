"""The tokenizer of students that learn their words here: whole words, lower case, accents and punctuation gone."""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

UNKNOWN = "<unk>"


def word_tokenizer(words: Iterable[str], length: int, letters: str) -> Tokenizer:
    """`length` ids a prompt: a start, a number for each known word in the order of `words`, zeros behind.

    `letters` are what words are made of, as a regular expression's class has them: all else parts them.
    """
    numbers = {"<pad>": 0, UNKNOWN: 1, "<start>": 2}
    for word in words:
        numbers[word] = len(numbers)
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(rf"[^{letters}<> ]+"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="<start> $A", special_tokens=[("<start>", 2)])
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=0, pad_token="<pad>")
    return tokenizer
