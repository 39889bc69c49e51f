/* The compiled form of a grammar line, shared by cli_grammar.c (makes it) and cli_match.c (walks
 * it). */
#pragma once

#include "base/types.h"
#include "base/vec.h"

struct cli_type;

enum element_kind {
    ELEMENT_WORD,   /* a keyword */
    ELEMENT_VALUE,  /* <label:type> */
    ELEMENT_SEQ,    /* kids one after the other */
    ELEMENT_SET,    /* kids in any order, each at most once */
    ELEMENT_CHOICE, /* one of kids */
};

enum { ELEMENT_SET_MAX = 64 }; /* the matcher keeps the kids used in a u64 */

struct element {
    enum element_kind kind;
    bool optional;
    bool repeat;
    bool group; /* was written in [ ] or ( ) */
    char *name; /* the keyword, the value's label, or the group's label (then it may be NULL) */
    char *type_name;             /* of a value */
    const struct cli_type *type; /* found by name at first use, since modules bring types later */
    VEC(struct element *) kids;
};

struct grammar {
    struct element *root;
};
