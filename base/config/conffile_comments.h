/*
 * conffile_comments.h - comments of a configuration file, made invisible; for conffile.c alone.
 */
#ifndef BASE_CONFIG_CONFFILE_COMMENTS_H
#define BASE_CONFIG_CONFFILE_COMMENTS_H

/*
 * Blank the comments, leaving every newline where it was. '#' starts one anywhere outside
 * quotes; the two with a slash only where a word may start, so that paths and URLs live.
 */
void conffile_blank_comments(char *text);

#endif
