/*
 * page_html.h - relay/ops/page.html as the build made a C file of it.
 */
#ifndef RELAY_OPS_PAGE_HTML_H
#define RELAY_OPS_PAGE_HTML_H

#include <stddef.h>

extern const char page_html_bytes[]; /* not terminated */
extern const size_t page_html_len;

#endif
