"""Names that C accepts, made from what users call their files, layers and tensors."""

from __future__ import annotations

import re

from lstm_edge.errors import ModelError

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_WORDS = (
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t "
    "char32_t class compl concept const const_cast consteval constexpr constinit continue "
    "co_await co_return co_yield decltype default delete do double dynamic_cast else enum "
    "explicit export extern false float for friend goto if inline int long main mutable "
    "namespace new noexcept not not_eq nullptr operator or or_eq private protected public "
    "register reinterpret_cast requires restrict return short signed sizeof static "
    "static_assert static_cast struct switch template this thread_local throw true try typedef "
    "typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t "
    "while xor xor_eq"
)

KEYWORDS = frozenset(_WORDS.split())
"""Words that C, C++ or a hosted environment keep for themselves."""

_HEADERS = (
    "_ansi _newlib_version _syslist aio alloca ar argp argz arm_acle arm_cmse arm_fp16 arm_mve "
    "arm_neon assert byteswap complex cpio crypt ctype devctl dirent dlfcn elf endian envz err "
    "errno error execinfo fastmath fcntl features fenv float fmtmsg fnmatch fstab fts ftw gconv "
    "getopt glob grp iconv ieeefp ifaddrs inttypes iso646 langinfo libgen libintl limits link "
    "locale malloc math mcheck memory mntent monetary mqueue ndbm netdb new newlib nss obstack "
    "paths picolibc picotls poll printf pthread pty pwd reent regdef regex regexp resolv "
    "riscv_vector sched search semaphore semihost setjmp sgtty shadow signal spawn stab "
    "stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn "
    "string strings syscall sysexits syslimits syslog tar termio termios tgmath threads time "
    "uchar ucontext ulimit unctrl unistd utime utmp utmpx values wait wchar wctype wordexp"
)

HEADERS = frozenset(_HEADERS.split())
"""Headers of C libraries and compilers: `<model>.h` would be found in their place."""

LONGEST = 48
"""Characters of a name that is derived; one that is given may be longer."""

LONGEST_GIVEN = 128
"""Characters of a name that is given: file systems end at 255 bytes, and files append to it."""


def identifier(text: str, default: str) -> str:
    """The C identifier nearest to `text`: "my-model v2" -> "my_model_v2"."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:LONGEST].rstrip("_")
    if not words:
        return default
    if words[0].isdigit():
        words = f"{default}_{words}"
    return f"{words}_{default}" if words in KEYWORDS else words


def model_name(stem: str, given: str | None) -> str:
    """The model's name: `given` where there is one, else derived from the file's name.

    Raises ModelError when `given` is no identifier of C and C++.
    """
    if given is None:
        derived = identifier(stem, "model")
        return f"{derived}_model" if derived.lower() in HEADERS else derived
    if not IDENTIFIER.match(given):
        raise ModelError(
            f"name {given!r}", "not a C identifier; use letters, digits and _, no digit first"
        )
    if len(given) > LONGEST_GIVEN:
        raise ModelError(
            f"name {given[:16]}...",
            f"{len(given)} characters; expected at most {LONGEST_GIVEN}: give a shorter name",
        )
    if given in KEYWORDS:
        raise ModelError(f"name {given!r}", "a keyword of C or C++; give another name")
    if given.lower() in HEADERS:
        raise ModelError(
            f"name {given!r}",
            f"{given}.h would be found where C code includes the header <{given.lower()}.h>; give "
            f"another name, such as {given}_model",
        )
    return given


def unique(base: str, taken: set[str]) -> str:
    """`base`, or base2, base3 ...: one that is not in `taken`, to which it is added, while the one
    before it is. Found by halving: there may be thousands.
    """
    name = base
    if base in taken:
        last, free = 1, 2
        while f"{base}{free}" in taken:
            last, free = free, 2 * free
        while free - last > 1:
            middle = (last + free) // 2
            last, free = (middle, free) if f"{base}{middle}" in taken else (last, middle)
        name = f"{base}{free}"
    taken.add(name)
    return name
