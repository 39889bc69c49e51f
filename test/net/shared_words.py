"""Numbers of 16 bits in memory that another process looks at meanwhile.

struct.pack_into clears its place before it writes, and writes byte by byte: who looks between the two sees a ring's index
that never was. Here a number is read and written at once.
"""


class SharedWords:
    """Those of an mmap, by offset in bytes, in the machine's byte order."""

    def __init__(self, memory):
        self._words = memoryview(memory).cast("B").cast("H")

    def __getitem__(self, at):
        assert at % 2 == 0
        return self._words[at // 2]

    def __setitem__(self, at, value):
        assert at % 2 == 0
        self._words[at // 2] = value

    def release(self):
        """Before the mmap is closed."""
        self._words.release()
