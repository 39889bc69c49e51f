/* Finding and loading plugins. Objects are never closed again: musl's dlclose unloads nothing, and
 * log classes and tables of a plugin are referred to for ever. */
#include "control/plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/module.h"

#define PLUGIN_SUFFIX "_plugin.so"

static struct log_class plugin_log = {.name = "plugin", .sub = "load"};

void plugin_settings_fini(struct plugin_settings *s)
{
    for (u32 i = 0; i < s->choices.n; i++)
        free(s->choices.v[i].name);
    vec_free(&s->choices);
    free(s->path);
    free(s->added_path);
    *s = (struct plugin_settings){0};
}

static struct plugin_choice *find_choice(const struct plugin_settings *s, const char *name)
{
    for (u32 i = 0; i < s->choices.n; i++)
        if (!strcmp(s->choices.v[i].name, name))
            return &s->choices.v[i];
    return NULL;
}

void plugin_choose(struct plugin_settings *s, const char *name, enum plugin_rule rule)
{
    struct plugin_choice *c = find_choice(s, name);
    if (c) {
        c->rule = rule;
        return;
    }
    struct plugin_choice new = {mem_strdup(name), rule};
    vec_add(&s->choices, new);
}

bool plugin_is_wanted(const struct plugin_settings *s, const char *name)
{
    const struct plugin_choice *c = find_choice(s, name);
    if ((c ? c->rule : s->otherwise) == PLUGIN_ENABLED)
        return true;
    log_notice(&plugin_log, "Plugin disabled%s: %s", c ? "" : " (default)", name);
    return false;
}

/* The folder `plugins` beside the program, if there is one, else where they are installed. */
static const char *default_path(char *beside, size_t bytes)
{
    char program[512];
    struct stat st;
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n <= 0)
        return PISTE_PLUGIN_PATH;
    program[n] = 0;
    snprintf(beside, bytes, "%.*s/plugins", (int)(strrchr(program, '/') - program), program);
    if (stat(beside, &st))
        return errno == EACCES ? beside : PISTE_PLUGIN_PATH; /* who loads them says that */
    return S_ISDIR(st.st_mode) ? beside : PISTE_PLUGIN_PATH;
}

char *plugin_path(const struct plugin_settings *s)
{
    char beside[600];
    const char *path = s->path ? s->path : default_path(beside, sizeof(beside));
    return mem_printf("%s%s%s", path, s->added_path ? ":" : "", s->added_path ? s->added_path : "");
}

static void plugin_load(struct modules *ms, const char *folder, const char *name)
{
    char *file = mem_printf("%s/%s", folder, name);
    struct error e = {0};
    void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        log_error(&plugin_log, "Plugin not loaded: %s: %s", name, dlerror());
        goto out;
    }
    const struct module *m = dlsym(object, MODULE_PLUGIN_SYMBOL);
    if (!m) {
        log_error(&plugin_log, "Plugin not loaded: %s: it has no symbol '%s'", name,
                  MODULE_PLUGIN_SYMBOL);
        goto close;
    }
    if (modules_add_plugin(ms, m, name, &e)) {
        log_error(&plugin_log, "Plugin not loaded: %s: %s", name, e.text);
        goto close;
    }
    log_notice(&plugin_log, "Loaded plugin: %s (%s)", name, m->description ? m->description : "");
    goto out;
close:
    dlclose(object);
out:
    free(file);
}

static int is_plugin(const struct dirent *d)
{
    size_t n = strlen(d->d_name), suffix = strlen(PLUGIN_SUFFIX);
    return d->d_name[0] != '.' && n > suffix && !strcmp(d->d_name + n - suffix, PLUGIN_SUFFIX);
}

struct names {
    VEC(char *) seen;
};

/* Whether name is new; remembers it. */
static bool plugin_see(struct names *names, const char *name)
{
    for (u32 i = 0; i < names->seen.n; i++)
        if (!strcmp(names->seen.v[i], name))
            return false;
    vec_add(&names->seen, mem_strdup(name));
    return true;
}

static void load_folder(struct modules *ms, const struct plugin_settings *s, const char *folder,
                        struct names *names)
{
    struct dirent **files;
    int n = scandir(folder, &files, is_plugin, alphasort);
    if (n < 0) {
        if (errno != ENOENT || s->path)
            log_warn(&plugin_log, "no plugins of %s: %s", folder, strerror(errno));
        return;
    }
    for (int i = 0; i < n; i++) {
        if (plugin_see(names, files[i]->d_name) && plugin_is_wanted(s, files[i]->d_name))
            plugin_load(ms, folder, files[i]->d_name);
        free(files[i]);
    }
    free(files);
}

void plugin_load_all(struct modules *ms, const struct plugin_settings *s)
{
    char *path = plugin_path(s), *save = NULL;
    struct names names = {0};
    for (char *folder = strtok_r(path, ":", &save); folder; folder = strtok_r(NULL, ":", &save))
        load_folder(ms, s, folder, &names);
    for (u32 i = 0; i < names.seen.n; i++)
        free(names.seen.v[i]);
    vec_free(&names.seen);
    free(path);
}
