/*
 * change_list.c - see change_list.h.
 */
#include "relay/core/change_list.h"

#include <stdlib.h>

bool change_list_init(struct change_list *list, size_t slots)
{
	*list = (struct change_list){
		.slots = calloc(slots + 1, sizeof(*list->slots)),
		.noted = calloc(slots + 1, sizeof(*list->noted)),
	};
	if (list->slots != NULL && list->noted != NULL)
		return true;
	change_list_release(list);
	return false;
}

void change_list_release(struct change_list *list)
{
	free(list->slots);
	free(list->noted);
	*list = (struct change_list){0};
}

void change_list_add(struct change_list *list, uint32_t slot)
{
	if (list->slots == NULL || list->noted[slot])
		return;
	list->noted[slot] = 1;
	list->slots[list->count++] = slot;
}

void change_list_clear(struct change_list *list)
{
	while (list->count > 0)
		list->noted[list->slots[--list->count]] = 0;
}
