/* Written by examples/samples.py from examples/entities; do not edit. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdint.h>

enum { SAMPLES = 10 };

enum { WORDS = 167 };

static const char *const words[WORDS] = {
    "-", ",", "a", "about", "acme", "after", "airlines", "and", "anna", "as", "asked", "at",
    "austin", "author", "bank", "belongs", "bentley", "berlin", "born", "bought", "bridge",
    "brother", "captain", "carlos", "carson", "chairman", "chelsea", "chester", "chicago",
    "clinton", "closed", "contract", "country", "dallas", "david", "devon", "drove", "emma", "end",
    "every", "expected", "factory", "famous", "fell", "film", "florence", "foods", "for", "ford",
    "found", "friday", "from", "globex", "hamilton", "has", "he", "head", "her", "hired", "house",
    "houses", "houston", "hudson", "i", "in", "initech", "investors", "is", "it", "its", "jackson",
    "japan", "jordan", "kent", "kenya", "lake", "lancaster", "large", "last", "laura", "lawyer",
    "letter", "lies", "lima", "lincoln", "lives", "loss", "lost", "madison", "maker", "married",
    "mentioned", "met", "monday", "morgan", "motors", "mount", "mr", "must", "near", "north",
    "norway", "nurse", "of", "old", "omar", "on", "open", "orlando", "outside", "paris", "people",
    "peter", "phone", "plan", "port", "preston", "profits", "quiet", "rains", "regina", "report",
    "reported", "resigned", "road", "rose", "ruth", "said", "savannah", "saw", "see", "shares",
    "singer", "small", "sofia", "sold", "stanley", "streets", "sunday", "sydney", "teacher", "that",
    "the", "they", "thomas", "to", "told", "tourists", "town", "tuesday", "umbra", "vandelay",
    "victoria", "visit", "warren", "was", "washington", "we", "wells", "were", "who", "will",
    "windsor", "works", "year", "yesterday", "zenix",
};

static const char *const texts[SAMPLES] = {
    "the road to mount stanley is closed", "in the end , devon was born in mount austin",
    "stanley , a quiet town , has a film", "investors sold washington after the famous film",
    "washington , a captain , found a large bridge", "wells hired a teacher near florence",
    "kent works for morgan airlines", "washington , a captain , found a small film",
    "jackson and her brother met sofia victoria on friday",
    "tourists visit windsor for its famous houses",
};

static const int8_t label[10][20] = {
    {0, 0, 0, 3, 4, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {0, 0, 0, 0, 1, 0, 0, 0, 3, 4, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {3, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {0, 0, 5, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {1, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {5, 0, 0, 0, 0, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {1, 0, 0, 5, 6, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {1, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {1, 0, 0, 0, 0, 1, 2, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    {0, 0, 3, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
};

#endif
