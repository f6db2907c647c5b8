/*
 * config_schema.h - what a configuration may hold: one row for each key says where it is written,
 * what it holds, where that is kept, its default and what a reload makes of a change.
 */
#ifndef BASE_CONFIG_CONFIG_SCHEMA_H
#define BASE_CONFIG_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/ip_prefix.h"

enum { CONFIG_WHY_MAX = 400 }; /* of what is wrong with a value */

struct config_schema;
struct config_place;
struct config_remark;

/* A list of ports has at most so many. */
enum { CONFIG_PORTS_MAX = 8 };

/* What the configuration of every daemon begins with. */
struct config {
	const struct config_schema *schema;
	char *path;                  /* where it came from */
	struct config_place *places; /* of every value in the file */
	size_t place_count;
	struct config_remark *remarks; /* in the order of the file; see config.h */
	size_t remark_count;
	char *keys;         /* path of the keyring file */
	char *user, *group; /* to switch to after binding; NULL: stay */
	struct {
		char *level;  /* error, warning, notice, info, debug */
		bool records; /* log a record of each allocation or credential */
	} log;
	struct {
		char *socket; /* UNIX socket path; NULL: no control interface */
		char *group;  /* may use it besides root; NULL: none */
	} control;
	struct {
		struct endpoint address; /* on loopback; of family IP_NONE: nowhere */
	} metrics;
	struct {
		char *socket; /* UNIX socket path; NULL: nobody can take over */
	} take_over;
};

/* What became of a changed key. */
enum reload_effect {
	RELOAD_EFFECT_RESTART, /* not applied; needs a restart */
	RELOAD_EFFECT_APPLIED,
	RELOAD_EFFECT_NEW_ALLOCATIONS, /* existing ones keep the old value until they end */
	RELOAD_EFFECT_DRAINING,        /* a front goes with its last allocation */
};

enum config_type {
	CONFIG_TEXT,     /* char *, printable ASCII for the wire */
	CONFIG_PATH,     /* char * */
	CONFIG_OPTIONAL, /* char *, "" is NULL */
	CONFIG_BOOL,
	CONFIG_NUMBER,       /* unsigned, of the field's size, here and below */
	CONFIG_SECONDS,      /* a duration, kept in seconds */
	CONFIG_MILLISECONDS, /* a duration, kept in milliseconds */
	CONFIG_BYTES,
	CONFIG_BITRATE, /* bits per second; 0, which min does not hold for, is no limit */
	CONFIG_RANGE,   /* two uint16_t, first and last, next to each other */
	CONFIG_LEVEL,   /* char *, of the log */
	CONFIG_WORD, /* unsigned, of the field's size: which of words, from 1; 0: none */
	CONFIG_DSCP, /* uint8_t, see base/config/dscp.h */
	CONFIG_ADDRESS,   /* struct ip_addr, "" is none */
	CONFIG_LOOPBACK,  /* struct endpoint on a loopback address, "" is none */
	CONFIG_TEXTS,     /* char **, each as CONFIG_TEXT; from here on, lists */
	CONFIG_ADDRESSES, /* struct ip_addr * */
	CONFIG_PREFIXES,  /* struct ip_prefix * */
	CONFIG_PORTS,     /* uint16_t *, none of them 0 */
	CONFIG_TYPE_COUNT
};

struct config_key {
	const char *section; /* "": top level */
	const char *name;
	enum config_type type;
	enum reload_effect
		effect; /* of a change; DRAINING: the schema's effect() decides */
	uint16_t offset,
		size; /* of the field, in the struct that the section describes */
	uint16_t count_offset; /* lists: of their length, a size_t */
	const char *fallback;  /* the default as one would write it; NULL: required */
	uint64_t min, max;     /* numbers, in the unit kept; texts, in bytes */
	const char *doc;       /* one line */
	uint8_t titles; /* of a TITLED section: which may have it, a bit for each; 0: all */
	bool watched;   /* the path of a file that is read again when it changes */
	const char *const *words; /* CONFIG_WORD: up to NULL */
	const char *former; /* its name before, read with a warning; NULL: always this */
};

/* A row: KEY("limits", "idle", SECONDS, APPLIED, limits.idle_s, "5m", min, max, "doc", ...) */
#define CONFIG_KEY(container, section_, name_, type_, effect_, member, fallback_, min_, \
		   max_, ...)                                                           \
	{                                                                               \
		.section = section_, .name = name_, .type = CONFIG_##type_,             \
		.effect = RELOAD_EFFECT_##effect_,                                      \
		.offset = offsetof(container, member),                                  \
		.size = sizeof(((container *)0)->member), .fallback = fallback_,        \
		.min = min_, .max = max_, .doc = __VA_ARGS__                            \
	}
#define CONFIG_LIST(container, section_, name_, type_, effect_, member, count,     \
		    fallback_, ...)                                                \
	{                                                                          \
		.section = section_, .name = name_, .type = CONFIG_##type_,        \
		.effect = RELOAD_EFFECT_##effect_,                                 \
		.offset = offsetof(container, member),                             \
		.size = sizeof(((container *)0)->member),                          \
		.count_offset = offsetof(container, count), .fallback = fallback_, \
		.doc = __VA_ARGS__                                                 \
	}

enum config_form {
	CONFIG_ONCE,   /* its keys lie in the configuration itself */
	CONFIG_TITLED, /* one block for each of titles, in an array in the configuration */
	CONFIG_NAMED,  /* any number, each under a title that the writer chooses */
	CONFIG_MANY,   /* any number, without title */
};

struct config_section {
	const char *name;
	enum config_form form;
	uint16_t offset, size; /* of the array or of the pointer to it; of one element */
	uint16_t count_offset; /* NAMED, MANY: of their number, a size_t */
	const char *const *titles; /* TITLED: up to NULL */
	/* NAMED: an element begins with a char *, its title in lower case. */
	uint16_t name_offset;     /* MANY: of the char * that names one in a comparison */
	const char *there, *gone; /* NAMED: how a comparison calls that */
};

struct config_schema {
	size_t size;                   /* of the configuration */
	const struct config_key *keys; /* those of one section stand together */
	size_t key_count;
	const struct config_section *sections;
	size_t section_count;
	/* Complete, and check across keys. False with a sentence in error. */
	bool (*check)(struct config *config, char *error, size_t error_size);
	/* Of a key with RELOAD_EFFECT_DRAINING; may be NULL without one. element: of a TITLED section. */
	enum reload_effect (*effect)(const struct config_key *key, size_t element,
				     const struct config *before,
				     const struct config *after);
};

/* --- sections, their elements and keys ---------------------------------------------------------- */

/* The member of a struct at that offset; of a constant struct, the caller keeps it constant. */
static inline void *config_member(const void *base, size_t offset)
{
	return (char *)(uintptr_t)base + offset;
}

/* How many elements the section has, and the struct that offsets of its keys count from. */
size_t config_element_count(const struct config *config,
			    const struct config_section *section);
void *config_element(const struct config *config, const struct config_section *section,
		     size_t element);

/* May the key stand in that element of its section? */
bool config_has_key(const struct config_section *section, const struct config_key *key,
		    size_t element);

/* Walks every key of every element, section after section: start with {0}; false at the end. */
struct config_walk {
	const struct config_section *section;
	const struct config_key *key;
	size_t element;
	void *base; /* what the key's offset counts from */
	size_t next_section, next_element, next_key; /* private */
};
bool config_walk(const struct config *config, struct config_walk *walk);

enum { CONFIG_NAME_SIZE = 448 };

/* "", "side.inside", "server.fe01.lab.example", "relay.1" */
void config_element_name(const struct config_section *section, const void *base,
			 size_t element, char name[CONFIG_NAME_SIZE]);

/* "side.inside.addresses". base NULL: repeated blocks without their names, "server.networks". */
void config_key_name(const struct config_section *section, const struct config_key *key,
		     const void *base, size_t element, char name[CONFIG_NAME_SIZE]);

#endif
