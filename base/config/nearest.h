/*
 * nearest.h - the word that was probably meant.
 */
#ifndef BASE_CONFIG_NEAREST_H
#define BASE_CONFIG_NEAREST_H

/*
 * The candidate that is fewest edits away from word; NULL if none is near enough to be what
 * was meant. next() gives the candidates and NULL at the end.
 */
const char *nearest_word(const char *word, const char *(*next)(void *arg), void *arg);

#endif
