/*
 * mras_requests.h - [MS-AVEDGEA] requests for tests.
 */
#ifndef TESTS_UNIT_AUTH_MRAS_REQUESTS_H
#define TESTS_UNIT_AUTH_MRAS_REQUESTS_H

#define NS "xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\""
#define URIS "to=\"sip:mras@lab.example;gruu\" from=\"sip:alice@lab.example\""
#define OPENED(attributes) \
	"<request requestID=\"7\" version=\"2.0\" " URIS " " NS attributes ">"
#define CLOSED "</request>"
#define ID "<identity>sip:alice@lab.example</identity>"
#define PART(content) \
	"<credentialsRequest credentialsRequestID=\"8\">" content "</credentialsRequest>"
#define REQUEST(content) OPENED("") PART(content) CLOSED
/* A complete request with these attributes instead of the usual ones. */
#define HEADED(attributes) "<request " attributes " " NS ">" PART(ID) CLOSED

#endif
