/* The lists themselves: made, replaced, deleted. See acl_list.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/probe.h"
#include "engine/stats.h"
#include "plugins/acl/acl_internal.h"

struct acl_list **acl_lists;

const struct acl_list *acl_list_at(const struct piste *p, u32 index)
{
    return index < ACL_LISTS_MAX ? acl_lists[index] : NULL;
}

u32 acl_list_next(const struct piste *p, u32 from)
{
    u32 end = acl_state_of(p)->lists_end;
    while (from < end && !acl_lists[from])
        from++;
    return from < end ? from : ACL_NONE;
}

int acl_tag_check(const char *tag, struct error *e)
{
    if (strlen(tag) < ACL_TAG_BYTES && (!*tag || cli_is_braceable(tag)))
        return 0;
    return error_set(e, EINVAL, "a tag is one line of up to %u characters", ACL_TAG_BYTES - 1);
}

/* --- one --- */

static void acl_list_free(void *arg)
{
    struct acl_list *l = arg;
    for (u32 f = 0; l && f < IP_FAMILY_N; f++) {
        if (l->match[f][ACL_OF_FRAGMENTS] != l->match[f][ACL_OF_PACKETS])
            acl_match_free(l->match[f][ACL_OF_FRAGMENTS]);
        acl_match_free(l->match[f][ACL_OF_PACKETS]);
    }
    if (l) {
        free(l->actions);
        free(l->rules);
    }
    free(l);
}

/* What lookups need. Context: any thread. */
static void acl_list_build(struct acl_list *l)
{
    l->actions = mem_alloc(l->n_rules + 1);
    for (u32 i = 0; i < l->n_rules; i++) {
        l->actions[i] = l->rules[i].action;
        l->reflects |= l->rules[i].action == ACL_PERMIT_REFLECT;
    }
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        enum ip_family family = (enum ip_family)f;
        l->match[f][ACL_OF_PACKETS] = acl_rules_compile(l->rules, l->n_rules, family, false);
        l->match[f][ACL_OF_FRAGMENTS] = acl_rules_need_l4(l->rules, l->n_rules, family)
                                            ? acl_rules_compile(l->rules, l->n_rules, family, true)
                                            : l->match[f][ACL_OF_PACKETS];
    }
}

static void acl_list_count(struct engine *e, struct acl_list *l, u32 index)
{
    char name[32];
    snprintf(name, sizeof(name), "/acl/%u/matches", index);
    struct counter_vec *c = counter_vec_new(e, name, true, l->n_rules + 1);
    for (u32 i = 0; i < l->n_rules; i++)
        counter_zero(c, i);
    __atomic_store_n(&l->counters, c, __ATOMIC_RELEASE);
}

/* Puts l, or NULL, in the place of what is there: nodes see one or the other. */
static void acl_list_publish(struct acl_state *s, u32 index, struct acl_list *l)
{
    struct engine *e = engine_of(s->piste);
    struct acl_list *old = acl_lists[index];
    __atomic_store_n(&acl_lists[index], l, __ATOMIC_RELEASE);
    acl_bind_list_changed(s->piste, index);
    forwarding_changed(e);
    if (old) { /* the name of its counters is the new one's */
        engine_synchronize(e);
        counter_vec_free(old->counters);
        acl_list_free(old);
    }
    if (l)
        acl_list_count(e, l, index);
    if (l && index >= s->lists_end)
        s->lists_end = index + 1;
    while (s->lists_end && !acl_lists[s->lists_end - 1])
        s->lists_end--;
}

/* --- changes --- */

struct acl_list_job {
    struct acl_state *state;
    struct acl_list *list;
    u32 index;
    bool may_be_new;
    acl_list_done *done;
    void *arg;
};

static int acl_list_place(const struct acl_list_job *j, u32 *index, struct error *e)
{
    *index = j->index;
    if (j->index == ACL_NONE) {
        for (*index = 0; *index < ACL_LISTS_MAX && acl_lists[*index]; (*index)++)
            ;
        return *index < ACL_LISTS_MAX
                   ? 0
                   : error_set(e, ENOSPC, "there are %u access lists already", ACL_LISTS_MAX);
    }
    if (j->index >= ACL_LISTS_MAX || (!acl_lists[j->index] && !j->may_be_new))
        return error_set(e, ENOENT, "there is no ACL %u", j->index);
    return 0;
}

static void acl_list_finish(struct acl_list_job *j)
{
    struct error e = {0};
    u32 index;
    int rc = acl_list_place(j, &index, &e);
    if (rc)
        acl_list_free(j->list);
    else
        acl_list_publish(j->state, index, j->list);
    j->done(j->arg, rc, rc ? j->index : index, &e);
    free(j);
}

static void acl_list_work(void *arg)
{
    acl_list_build(((struct acl_list_job *)arg)->list);
}

/* All that wait, in their order, up to one that another thread builds. */
static void acl_list_run_jobs(struct acl_state *s);

static void acl_list_built(void *arg)
{
    struct acl_list_job *j = arg;
    struct acl_state *s = j->state;
    vec_del(&s->jobs, 0);
    acl_list_finish(j);
    acl_list_run_jobs(s);
}

static void acl_list_run_jobs(struct acl_state *s)
{
    while (s->jobs.n) {
        struct acl_list_job *j = s->jobs.v[0];
        if (j->list->n_rules > ACL_RULES_ASIDE) {
            aside_run(&s->aside, acl_list_work, acl_list_built, j);
            return;
        }
        vec_del(&s->jobs, 0);
        acl_list_build(j->list);
        acl_list_finish(j);
    }
}

static int acl_list_check(const struct acl_list_args *a, struct error *e)
{
    int rc = acl_tag_check(a->tag, e);
    for (u32 i = 0; i < a->n && !rc; i++)
        rc = acl_rule_check(&a->rules[i], e);
    return rc;
}

void acl_list_set(struct piste *p, const struct acl_list_args *a, acl_list_done *done, void *arg)
{
    struct acl_state *s = acl_state_of(p);
    struct acl_list_job *j = mem_alloc(sizeof(*j));
    struct error e = {0};
    u32 index;
    *j = (struct acl_list_job){s, NULL, a->index, a->may_be_new, done, arg};
    int rc = acl_list_check(a, &e);
    if (!rc)
        rc = acl_list_place(j, &index, &e);
    if (rc) {
        free(a->rules);
        free(j);
        done(arg, rc, a->index, &e);
        return;
    }
    j->list = mem_alloc(sizeof(*j->list));
    j->list->rules = a->rules;
    j->list->n_rules = a->n;
    snprintf(j->list->tag, sizeof(j->list->tag), "%s", a->tag);
    vec_add(&s->jobs, j);
    if (s->jobs.n == 1)
        acl_list_run_jobs(s);
}

int acl_list_delete(struct piste *p, u32 index, struct error *e)
{
    if (!acl_list_at(p, index))
        return error_set(e, ENOENT, "there is no ACL %u", index);
    if (acl_bind_any(p, index, ACL_INPUT) || acl_bind_any(p, index, ACL_OUTPUT))
        return error_set(e, EBUSY, "ACL %u is used by an interface", index);
    const struct acl_used *used = acl_use_has(acl_state_of(p), index);
    if (used)
        return error_set(e, EBUSY, "ACL %u is used by the %s", index, used->user->name);
    acl_list_publish(acl_state_of(p), index, NULL);
    return 0;
}

/* --- life --- */

void acl_lists_fini(struct acl_state *s)
{
    for (u32 i = s->lists_end; i--;)
        if (acl_lists[i])
            acl_list_publish(s, i, NULL);
    vec_free(&s->jobs);
}
