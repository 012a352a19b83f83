/* Written by examples/samples.py from examples/sentiment; do not edit. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdint.h>

enum { SAMPLES = 10 };

enum { WORDS = 154 };

static const char *const words[WORDS] = {
    "-", "acting", "after", "all", "although", "always", "amazing", "and", "annoying", "as",
    "atmosphere", "awful", "bad", "be", "beautiful", "beer", "bland", "boring", "bread",
    "brilliant", "but", "came", "camera", "cast", "charming", "cheap", "clever", "clumsy", "coffee",
    "delicious", "delightful", "dessert", "dialogue", "did", "dirty", "disappointing", "disliked",
    "dreadful", "dull", "ending", "enjoy", "enjoyable", "enjoyed", "excellent", "extremely",
    "fairly", "fantastic", "felt", "fine", "fish", "food", "for", "fresh", "friendly", "friends",
    "funny", "good", "great", "hardly", "hate", "hated", "honest", "honestly", "horrible", "hotel",
    "however", "i", "impressive", "in", "is", "keyboard", "last", "lazy", "light", "like", "liked",
    "looked", "love", "loved", "lovely", "lunch", "me", "mediocre", "menu", "mind", "money",
    "movie", "music", "my", "n't", "nasty", "never", "nice", "not", "on", "opinion", "our", "pasta",
    "people", "perfect", "phone", "photography", "picture", "pleasant", "plot", "poor", "price",
    "quite", "rather", "really", "room", "rude", "sad", "salad", "say", "screen", "script",
    "seemed", "service", "slightly", "slow", "solid", "somewhat", "soundtrack", "soup", "staff",
    "stale", "story", "sunday", "superb", "terrace", "terrible", "that", "the", "these", "think",
    "this", "though", "time", "to", "told", "truly", "ugly", "unpleasant", "very", "visit",
    "waiter", "was", "we", "weak", "while", "wonderful", "years", "yet",
};

static const char *const texts[SAMPLES] = {
    "as always the lunch felt superb",
    "although the staff looked somewhat bland i hated the light and i did not love the picture",
    "on our last visit the price was solid",
    "the screen felt impressive however the soundtrack was excellent",
    "my friends told me that the cast felt hardly poor and the room was impressive and the phone seemed sad",
    "this time while the light is clumsy the acting felt perfect",
    "we came on sunday and the bread looked funny and i enjoyed the camera",
    "although the price is weak the cast felt fairly bland",
    "while the price looked not rather clumsy the atmosphere looked nice and the phone seemed fantastic",
    "the photography was somewhat bad",
};

static const int8_t label[10] = {
    1, 0, 1, 1, 1, 1, 1, 0, 1, 0,
};

#endif
