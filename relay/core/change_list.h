/*
 * change_list.h - slots of allocations that are to be saved, each once; see changes.h.
 *
 * Owner    embedded in struct turn; its worker.
 */
#ifndef RELAY_CORE_CHANGE_LIST_H
#define RELAY_CORE_CHANGE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: nobody saves, and nothing is noted. */
struct change_list {
	uint32_t *slots;
	uint8_t *noted; /* by slot */
	uint32_t count;
};

/* False if out of memory. slots: of the allocation table. */
bool change_list_init(struct change_list *list, size_t slots);
void change_list_release(struct change_list *list); /* a zeroed one is allowed */

void change_list_add(struct change_list *list, uint32_t slot);
void change_list_clear(struct change_list *list);

#endif
