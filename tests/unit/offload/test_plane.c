/*
 * test_plane.c - which device gets which program, with devices and a kernel that are only remembered: AUTO is
 * XDP if every device can have it, and what is attached is not interrupted for nothing.
 */
#include "relay/offload/loader/plane.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/offload/bpf/flow_program.h"
#include "relay/offload/flow_layout.h"
#include "relay/offload/loader/attachment.h"
#include "tests/unit/lib/unit.h"

/* --- the programs ---------------------------------------------------------------------------- */

struct flow_program {
	uint32_t buckets;
	int tables[FLOW_PROGRAM_TABLES];
};

static unsigned loaded;
static const struct flow_program *current;

size_t flow_program_table_size(const struct flow_program *program,
			       enum flow_program_table table)
{
	size_t size = table == FLOW_PROGRAM_BUCKETS
			      ? program->buckets * sizeof(struct flow_bucket)
			      : sizeof(struct flow_settings);

	return (size + 4095) / 4096 * 4096;
}

struct flow_program *flow_program_load(uint32_t buckets, char *why, size_t why_size)
{
	struct flow_program *program = calloc(1, sizeof(*program));

	(void)why;
	(void)why_size;
	ck_assert_ptr_nonnull(program);
	program->buckets = buckets;
	for (int i = 0; i < FLOW_PROGRAM_TABLES; i++) {
		program->tables[i] = memfd_create("table", MFD_CLOEXEC);
		ck_assert_int_eq(ftruncate(program->tables[i],
					   (off_t)flow_program_table_size(
						   program, (enum flow_program_table)i)),
				 0);
	}
	loaded++;
	current = program;
	return program;
}

void flow_program_free(struct flow_program *program)
{
	for (int i = 0; i < FLOW_PROGRAM_TABLES; i++)
		close(program->tables[i]);
	free(program);
	loaded--;
}

int flow_program_table(const struct flow_program *program, enum flow_program_table table)
{
	return program->tables[table];
}

int flow_program_tc(const struct flow_program *program)
{
	(void)program;
	return 100;
}

int flow_program_xdp(const struct flow_program *program)
{
	(void)program;
	return 101;
}

/* --- the devices ----------------------------------------------------------------------------- */

enum { NIC_A = 1, NIC_B, VLAN, LOOPBACK, DEVICES };

static const enum offload_mode suits[DEVICES] = {
	[NIC_A] = OFFLOAD_XDP,
	[NIC_B] = OFFLOAD_XDP,
	[VLAN] = OFFLOAD_TC,
	[LOOPBACK] = OFFLOAD_OFF,
};
static struct {
	enum attachment_kind kind;
	bool refuses_xdp, is_dead;
	unsigned begun;
} devices[DEVICES];

enum offload_mode attachment_suits(uint32_t ifindex)
{
	return suits[ifindex];
}

bool attachment_begin(struct attachment *attachment, uint32_t ifindex,
		      enum offload_mode wanted,
		      const struct attachment_programs *programs, char *why,
		      size_t why_size)
{
	bool is_xdp = wanted == OFFLOAD_XDP;

	ck_assert(programs->tc == 100 && programs->xdp == 101);
	ck_assert(is_xdp || wanted == OFFLOAD_TC);
	ck_assert_int_eq(devices[ifindex].kind, ATTACHMENT_NONE);
	*attachment = (struct attachment){.ifindex = ifindex};
	if (suits[ifindex] == OFFLOAD_OFF || (is_xdp && devices[ifindex].refuses_xdp)) {
		snprintf(why, why_size, "it refuses");
		return false;
	}
	attachment->kind = is_xdp ? ATTACHMENT_XDP : ATTACHMENT_TCX;
	devices[ifindex].kind = attachment->kind;
	devices[ifindex].is_dead = false;
	devices[ifindex].begun++;
	return true;
}

void attachment_end(struct attachment *attachment)
{
	ck_assert_int_eq(devices[attachment->ifindex].kind, attachment->kind);
	devices[attachment->ifindex].kind = ATTACHMENT_NONE;
	attachment->kind = ATTACHMENT_NONE;
}

bool attachment_is_alive(const struct attachment *attachment)
{
	return !devices[attachment->ifindex].is_dead;
}

bool attachment_fits(const struct attachment *attachment, enum offload_mode wanted)
{
	return (attachment->kind == ATTACHMENT_XDP && wanted == OFFLOAD_XDP) ||
	       (attachment->kind == ATTACHMENT_TCX && wanted == OFFLOAD_TC);
}

const char *attachment_kind_name(enum attachment_kind kind)
{
	(void)kind;
	return "attached";
}

/* --------------------------------------------------------------------------------------------- */

static struct plane *plane;
static struct loader_device answer[OFFLOAD_DEVICES_MAX];

static void set_up(void)
{
	char why[OFFLOAD_WHY_MAX];

	log_set_level(LOG_LEVEL_ERROR);
	memset(devices, 0, sizeof(devices));
	plane = plane_new(1000, false, why, sizeof(why));
	ck_assert_ptr_nonnull(plane);
}

static void tear_down(void)
{
	plane_free(plane);
	plane_free(NULL);
	ck_assert_uint_eq(loaded, 0);
	for (int i = 0; i < DEVICES; i++)
		ck_assert_int_eq(devices[i].kind, ATTACHMENT_NONE);
}

/* Wanted modes of the devices from NIC_A on; OFFLOAD_MODE_COUNT: not mentioned. */
struct wish {
	enum offload_mode modes[DEVICES - 1];
};
#define UNSAID OFFLOAD_MODE_COUNT

static void use(const struct wish *wish)
{
	struct loader_device wanted[DEVICES];
	size_t count = 0;

	for (uint32_t i = 0; i < DEVICES - 1; i++) {
		if (wish->modes[i] != UNSAID)
			wanted[count++] = (struct loader_device){
				.ifindex = i + 1, .mode = (uint8_t)wish->modes[i]};
	}
	plane_use(plane, wanted, count, answer);
	for (size_t i = 0; i < count; i++) {
		enum attachment_kind kind = devices[wanted[i].ifindex].kind;

		ck_assert_uint_eq(answer[i].ifindex, wanted[i].ifindex);
		ck_assert_int_eq(answer[i].mode, kind == ATTACHMENT_XDP   ? OFFLOAD_XDP
						 : kind == ATTACHMENT_TCX ? OFFLOAD_TC
									  : OFFLOAD_OFF);
		ck_assert_int_eq(answer[i].mode == OFFLOAD_OFF, answer[i].why[0] != '\0');
	}
}

#define NONE ATTACHMENT_NONE
#define TC ATTACHMENT_TCX
#define XDP ATTACHMENT_XDP
#define AUTO OFFLOAD_AUTO

static const struct {
	const char *name;
	struct wish wish;
	enum attachment_kind got[DEVICES - 1];
} wishes[] = {
	{"nothing", {{UNSAID, UNSAID, UNSAID, UNSAID}}, {NONE, NONE, NONE, NONE}},
	{"hardware alone", {{AUTO, UNSAID, UNSAID, UNSAID}}, {XDP, NONE, NONE, NONE}},
	{"hardware", {{AUTO, AUTO, UNSAID, UNSAID}}, {XDP, XDP, NONE, NONE}},
	{"beside what takes none", {{AUTO, AUTO, UNSAID, AUTO}}, {XDP, XDP, NONE, NONE}},
	{"one has TC alone", {{AUTO, AUTO, AUTO, AUTO}}, {TC, TC, TC, NONE}},
	{"one is to have TC", {{AUTO, OFFLOAD_TC, UNSAID, UNSAID}}, {TC, TC, NONE, NONE}},
	{"XDP for one", {{OFFLOAD_XDP, AUTO, UNSAID, UNSAID}}, {XDP, XDP, NONE, NONE}},
	{"XDP beside TC alone", {{OFFLOAD_XDP, AUTO, AUTO, UNSAID}}, {XDP, TC, TC, NONE}},
	{"off", {{OFFLOAD_OFF, AUTO, UNSAID, UNSAID}}, {NONE, XDP, NONE, NONE}},
};

START_TEST(each_has_what_it_should)
{
	use(&wishes[_i].wish);
	for (int i = 0; i < DEVICES - 1; i++)
		ck_assert_msg(devices[i + 1].kind == wishes[_i].got[i], "%s: device %d",
			      wishes[_i].name, i + 1);
	/* Again: nothing is interrupted. */
	use(&wishes[_i].wish);
	for (int i = 0; i < DEVICES - 1; i++)
		ck_assert_uint_eq(devices[i + 1].begun, wishes[_i].got[i] != NONE);
}
END_TEST

START_TEST(any_wish_after_any_other)
{
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
		use(&wishes[_i].wish);
		use(&wishes[i].wish);
		use(&wishes[0].wish);
		for (int device = 0; device < DEVICES; device++)
			ck_assert_int_eq(devices[device].kind, NONE);
	}
}
END_TEST

START_TEST(a_driver_that_refuses_turns_all_to_tc)
{
	devices[NIC_B].refuses_xdp = true;
	use(&(struct wish){{AUTO, AUTO, UNSAID, UNSAID}});
	ck_assert(devices[NIC_A].kind == TC && devices[NIC_B].kind == TC);

	/* It is not tried again and again. */
	unsigned begun = devices[NIC_A].begun;
	use(&(struct wish){{AUTO, AUTO, UNSAID, UNSAID}});
	ck_assert_uint_eq(devices[NIC_A].begun, begun);

	/* Asked for XDP, it says why not. */
	use(&(struct wish){{UNSAID, OFFLOAD_XDP, UNSAID, UNSAID}});
	ck_assert_int_eq(devices[NIC_B].kind, NONE);
	ck_assert_str_eq(answer[0].why, "it refuses");
}
END_TEST

START_TEST(a_device_with_tc_alone_comes_and_goes)
{
	use(&(struct wish){{AUTO, UNSAID, UNSAID, UNSAID}});
	ck_assert_int_eq(devices[NIC_A].kind, XDP);
	use(&(struct wish){{AUTO, UNSAID, AUTO, UNSAID}});
	ck_assert(devices[NIC_A].kind == TC && devices[VLAN].kind == TC);
	use(&(struct wish){{AUTO, UNSAID, UNSAID, UNSAID}});
	ck_assert_int_eq(devices[NIC_A].kind, TC);
	ck_assert_uint_eq(devices[NIC_A].begun, 2);
}
END_TEST

START_TEST(what_has_died_is_attached_again)
{
	use(&(struct wish){{AUTO, AUTO, UNSAID, UNSAID}});
	devices[NIC_A].is_dead = true;
	use(&(struct wish){{AUTO, AUTO, UNSAID, UNSAID}});
	ck_assert(devices[NIC_A].kind == XDP && devices[NIC_A].begun == 2);
	ck_assert_uint_eq(devices[NIC_B].begun, 1);
}
END_TEST

START_TEST(tables_are_as_the_relay_expects)
{
	struct flow_settings settings;
	size_t attached, flows;
	struct flow_bucket bucket = {.tags = {0, 5, 0, 7}};

	ck_assert_uint_eq(plane_places(plane), 2048);
	ck_assert(plane_has_size(plane, 1000) && plane_has_size(plane, 1024) &&
		  !plane_has_size(plane, 1025) && !plane_has_size(plane, 512));
	ck_assert_int_eq(pread(plane_descriptors(plane)[LOADER_SETTINGS], &settings,
			       sizeof(settings), 0),
			 sizeof(settings));
	ck_assert_uint_eq(settings.version, FLOW_LAYOUT_VERSION);
	ck_assert_uint_eq(settings.on, 0);
	ck_assert_uint_ne(settings.seed, 0);
	ck_assert_int_eq(plane_descriptors(plane)[LOADER_COUNTS],
			 current->tables[FLOW_PROGRAM_COUNTS]);
	ck_assert_int_eq(pwrite(plane_descriptors(plane)[LOADER_BUCKETS], &bucket,
				sizeof(bucket), 255 * sizeof(bucket)),
			 sizeof(bucket));
	use(&(struct wish){{AUTO, UNSAID, AUTO, AUTO}});
	plane_count(plane, &attached, &flows);
	ck_assert(attached == 2 && flows == 2);
}
END_TEST

static void plane_suite(Suite *suite)
{
	TCase *tc = tcase_create("plane");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, each_has_what_it_should, 0, ROWS(wishes));
	tcase_add_loop_test(tc, any_wish_after_any_other, 0, ROWS(wishes));
	tcase_add_test(tc, a_driver_that_refuses_turns_all_to_tc);
	tcase_add_test(tc, a_device_with_tc_alone_comes_and_goes);
	tcase_add_test(tc, what_has_died_is_attached_again);
	tcase_add_test(tc, tables_are_as_the_relay_expects);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("plane", plane_suite)
