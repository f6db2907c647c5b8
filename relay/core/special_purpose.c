/*
 * special_purpose.c - the table. Blocks inside blocks are listed as the registries list them:
 * each is a line of its own for the operator: allowing one allows nothing that has a longer
 * line here.
 *
 * Not here are IPv4-mapped, -compatible and -translated addresses, 6to4 and Teredo: nothing
 * can allow those, so peer_policy refuses them before it looks at any table.
 */
#include "relay/core/special_purpose.h"

#define RULE(id) PEER_RULE_##id

const struct special_purpose special_purposes[] = {
	/* IPv4 special-purpose address registry */
	{"0.0.0.0/8", RULE(THIS_NETWORK)}, /* RFC 791 */
	{"0.0.0.0/32", RULE(UNSPECIFIED)}, /* RFC 1122: loopback on many hosts */
	{"10.0.0.0/8", RULE(PRIVATE_USE)}, /* RFC 1918 */
	{"100.64.0.0/10", RULE(SHARED_ADDRESS_SPACE)}, /* RFC 6598 */
	{"127.0.0.0/8", RULE(LOOPBACK)},               /* RFC 1122 */
	{"169.254.0.0/16", RULE(LINK_LOCAL)},          /* RFC 3927 */
	{"172.16.0.0/12", RULE(PRIVATE_USE)},          /* RFC 1918 */
	{"192.0.0.0/24", RULE(PROTOCOL_ASSIGNMENT)},   /* RFC 6890 */
	{"192.0.0.0/29", RULE(PROTOCOL_ASSIGNMENT)},   /* RFC 7335: service continuity */
	{"192.0.0.8/32", RULE(PROTOCOL_ASSIGNMENT)},   /* RFC 7600: dummy address */
	{"192.0.0.9/32", RULE(PROTOCOL_ASSIGNMENT)},   /* RFC 7723: PCP anycast */
	{"192.0.0.10/32", RULE(PROTOCOL_ASSIGNMENT)},  /* RFC 8155: TURN anycast */
	{"192.0.0.170/32", RULE(PROTOCOL_ASSIGNMENT)}, /* RFC 7050: NAT64 discovery */
	{"192.0.0.171/32", RULE(PROTOCOL_ASSIGNMENT)}, /* RFC 7050 */
	{"192.0.2.0/24", RULE(DOCUMENTATION)},         /* RFC 5737 */
	{"192.31.196.0/24", RULE(AS112)},              /* RFC 7535 */
	{"192.52.193.0/24", RULE(AMT)},                /* RFC 7450 */
	{"192.88.99.0/24", RULE(SIX_TO_FOUR_RELAY)},   /* RFC 7526 */
	{"192.88.99.2/32", RULE(SIX_TO_FOUR_RELAY)},   /* RFC 6751: 6a44 relay */
	{"192.168.0.0/16", RULE(PRIVATE_USE)},         /* RFC 1918 */
	{"192.175.48.0/24", RULE(AS112)},              /* RFC 7534 */
	{"198.18.0.0/15", RULE(BENCHMARKING)},         /* RFC 2544 */
	{"198.51.100.0/24", RULE(DOCUMENTATION)},      /* RFC 5737 */
	{"203.0.113.0/24", RULE(DOCUMENTATION)},       /* RFC 5737 */
	{"224.0.0.0/4", RULE(MULTICAST)},              /* RFC 5771 */
	{"240.0.0.0/4", RULE(RESERVED)},               /* RFC 1112 */
	{"255.255.255.255/32", RULE(BROADCAST)},       /* RFC 919 */

	/* IPv6 special-purpose address registry */
	{"::1/128", RULE(LOOPBACK)},                  /* RFC 4291 */
	{"::/128", RULE(UNSPECIFIED)},                /* RFC 4291 */
	{"64:ff9b::/96", RULE(NAT64)},                /* RFC 6052 */
	{"64:ff9b:1::/48", RULE(NAT64)},              /* RFC 8215 */
	{"100::/64", RULE(DISCARD_ONLY)},             /* RFC 6666 */
	{"100:0:0:1::/64", RULE(DUMMY)},              /* RFC 9780 */
	{"2001::/23", RULE(PROTOCOL_ASSIGNMENT)},     /* RFC 2928 */
	{"2001:1::1/128", RULE(PROTOCOL_ASSIGNMENT)}, /* RFC 7723: PCP anycast */
	{"2001:1::2/128", RULE(PROTOCOL_ASSIGNMENT)}, /* RFC 8155: TURN anycast */
	{"2001:1::3/128", RULE(PROTOCOL_ASSIGNMENT)}, /* RFC 9665: SRP anycast */
	{"2001:2::/48", RULE(BENCHMARKING)},          /* RFC 5180 */
	{"2001:3::/32", RULE(AMT)},                   /* RFC 7450 */
	{"2001:4:112::/48", RULE(AS112)},             /* RFC 7535 */
	{"2001:10::/28", RULE(ORCHID)},               /* RFC 4843, withdrawn */
	{"2001:20::/28", RULE(ORCHID)},               /* RFC 7343 */
	{"2001:30::/28", RULE(DRONE_ID)},             /* RFC 9374 */
	{"2001:db8::/32", RULE(DOCUMENTATION)},       /* RFC 3849 */
	{"2620:4f:8000::/48", RULE(AS112)},           /* RFC 7534 */
	{"3fff::/20", RULE(DOCUMENTATION)},           /* RFC 9637 */
	{"5f00::/16", RULE(SRV6_SID)},                /* RFC 9602 */
	{"fc00::/7", RULE(UNIQUE_LOCAL)},             /* RFC 4193 */
	{"fe80::/10", RULE(LINK_LOCAL)},              /* RFC 4291 */
	{"fec0::/10", RULE(SITE_LOCAL)},              /* RFC 3879, withdrawn */
	{"ff00::/8", RULE(MULTICAST)},                /* RFC 4291 */

	/* IPv6 address space: nothing outside 2000::/3 is allocated (RFC 4291) */
	{"::/3", RULE(UNALLOCATED)},
	{"4000::/2", RULE(UNALLOCATED)},
	{"8000::/1", RULE(UNALLOCATED)},

	/*
	 * Metadata and credential services. Most lie in a range from above; named here so that
	 * an operator who opens that range does not expose the keys to a cloud account with it.
	 */
	{"169.254.169.254/32",
	 RULE(CLOUD_METADATA)}, /* AWS, Azure, Google and most others */
	{"169.254.169.253/32", RULE(CLOUD_METADATA)}, /* AWS: resolver */
	{"169.254.170.2/32", RULE(CLOUD_METADATA)},   /* AWS: container credentials */
	{"169.254.170.23/32", RULE(CLOUD_METADATA)},  /* AWS: pod identity */
	{"100.100.100.200/32", RULE(CLOUD_METADATA)}, /* Alibaba */
	{"168.63.129.16/32",
	 RULE(CLOUD_METADATA)},                   /* Azure: public, yet the host's own */
	{"192.0.0.192/32", RULE(CLOUD_METADATA)}, /* Oracle, first generation */
	{"fd00:ec2::254/128", RULE(CLOUD_METADATA)}, /* AWS */
	{"fd00:ec2::253/128", RULE(CLOUD_METADATA)}, /* AWS: resolver */
	{"fd00:ec2::23/128", RULE(CLOUD_METADATA)},  /* AWS: pod identity */
	{"fd20:ce::254/128", RULE(CLOUD_METADATA)},  /* Google */
};

const size_t special_purpose_count =
	sizeof(special_purposes) / sizeof(special_purposes[0]);
