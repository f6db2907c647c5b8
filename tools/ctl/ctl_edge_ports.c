/*
 * ctl_edge_ports.c - the ports of an Edge server. Directions are those of the firewall on that
 * side, seen from the Edge server.
 */
#include "tools/ctl/ctl_edge_ports.h"

#define RELAY "mediarelayd"
#define ISSUER "mrasd"

const struct edge_port edge_ports[] = {
	{53, 53, "outside", "udp", "DNS", "out", NULL,
	 "The host resolves federated partners and hosts of certificate revocation lists."},
	{53, 53, "outside", "tcp", "DNS", "out", NULL,
	 "DNS answers too large for a datagram."},
	{80, 80, "outside", "tcp", "HTTP", "out", NULL,
	 "The host fetches certificate revocation lists."},
	{443, 443, "outside", "tcp", "A/V Edge", "both", RELAY,
	 "STUN and TURN over TCP, TLS and pseudo-TLS: media of clients whose network blocks "
	 "UDP."},
	{443, 443, "inside", "tcp", "A/V Edge", "in", RELAY,
	 "STUN and TURN over TCP, TLS and pseudo-TLS for inside clients whose UDP is blocked."},
	{443, 443, "outside", "tcp", "Access Edge", "in", NULL,
	 "SIP over TLS of remote users, on its own address."},
	{443, 443, "outside", "tcp", "Web Conferencing Edge", "in", NULL,
	 "PSOM over TLS of remote users: slides, polls, whiteboards. On its own address."},
	{444, 444, "outside", "tcp", "Web Conferencing Edge", "in", NULL,
	 "The same service if the three roles share one outside address."},
	{3478, 3478, "outside", "udp", "A/V Edge", "both", RELAY,
	 "STUN and TURN over UDP: allocations, media of clients, and between relays of "
	 "federated partners."},
	{3478, 3478, "inside", "udp", "A/V Edge", "in", RELAY,
	 "STUN and TURN over UDP for inside clients."},
	{4443, 4443, "inside", "tcp", "Central Management Store", "in", NULL,
	 "Topology replication to the Edge server over HTTPS."},
	{5061, 5061, "outside", "tcp", "Access Edge", "both", NULL,
	 "SIP over TLS with federated partners and remote users of old clients."},
	{5061, 5061, "inside", "tcp", "Access Edge", "both", NULL,
	 "SIP over TLS with the next hop inside: a Director or Front End."},
	{5062, 5062, "inside", "tcp", "A/V Authentication", "in", ISSUER,
	 "Trusted servers request A/V Edge credentials in SIP or HTTPS over mutual TLS."},
	{5269, 5269, "outside", "tcp", "XMPP gateway", "both", NULL,
	 "Federation with XMPP servers; removed in Skype for Business Server 2019."},
	{8057, 8057, "inside", "tcp", "Web Conferencing Edge", "in", NULL,
	 "PSOM over mutual TLS from the conferencing servers inside."},
	{23456, 23456, "inside", "tcp", "XMPP gateway", "in", NULL,
	 "The Front End passes messages for XMPP partners to the gateway."},
	{50000, 59999, "outside", "udp", "A/V Edge", "both", RELAY,
	 "Relayed addresses: media between a client's allocation and its peers. Lync partners "
	 "since 2010 use their own relay; browsers and other peers need them open to the "
	 "Internet."},
	{50000, 59999, "outside", "tcp", "A/V Edge", "both", RELAY,
	 "Relayed addresses over TCP: desktop sharing and file transfer with partners, and "
	 "ICE-TCP."},
	{50001, 50003, "inside", "tcp", "Centralised Logging", "in", NULL,
	 "Control of the logging agents on the servers."},
};

const size_t edge_port_count = sizeof(edge_ports) / sizeof(edge_ports[0]);

bool edge_port_covers(const struct edge_port *row, uint16_t port)
{
	return port >= row->first && port <= row->last;
}
