/*
 * openapi_routes.h - does an OpenAPI file describe every request of a control interface,
 * and no other?
 */
#ifndef TESTS_UNIT_LIB_OPENAPI_ROUTES_H
#define TESTS_UNIT_LIB_OPENAPI_ROUTES_H

#include "base/control/control_api.h"

/*
 * Fails the test unless docs/FILE has the same methods and paths, with the same query
 * parameters and members of the body.
 */
void openapi_routes_check(const struct control_route *routes, size_t count,
			  const char *file);

#endif
