/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/edit.h"

#include "manifest/read.h"
#include <libxml/parser.h>
#include <string.h>

#define MENTION "<rescap:Capability Name=\"" CAPABILITY_PROMPT "\"/>"
#define MENTION_WHY                                                                                \
	" lets the program ask for files that no capability opens; a person is then asked "
#define PRIVATE_WHY                                                                                \
	" privacy-sensitive: it shows the program things about the person who runs it, or their network "

struct edit {
	xmlDoc *doc;
	xmlNode *package;
	const struct manifest *before;
	bool failed; /* no memory */
};

static bool is_private(const char *name)
{
	static const char *const names[] = {CAPABILITY_USER_PROFILE, CAPABILITY_PROFILES_ROOT,
					    CAPABILITY_VOLUME_ROOT, CAPABILITY_PRIVATE};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static xmlNode *find_child(const struct edit *e, const char *ns, const char *name)
{
	xml_each(child, e->package)
		if (xml_is(child, ns, name))
			return (xmlNode *)child;
	return NULL;
}

static bool is_blank(const xmlNode *node)
{
	return node && node->type == XML_TEXT_NODE && xmlIsBlankNode(node);
}

/* Indented as by hand: a line of its own, @depth levels in, before @next or at the end. */
static void put(struct edit *e, xmlNode *parent, xmlNode *next, xmlNode *fresh, int depth)
{
	char indent[16];
	xmlNode *blank;

	snprintf(indent, sizeof(indent), "\n%*s", 2 * depth, "");
	blank = xmlNewDocText(e->doc, (const xmlChar *)indent);
	if (!fresh || !blank) {
		e->failed = true;
		xmlFreeNode(fresh);
		xmlFreeNode(blank);
		return;
	}
	/* Before the last line's end, which belongs to the parent's closing tag. */
	if (!next && is_blank(parent->last))
		next = parent->last;
	else if (next && is_blank(next->prev))
		next = next->prev;
	if (next) {
		/* Not xmlAddPrevSibling() for the text first: it would melt into its neighbour. */
		xmlAddPrevSibling(next, fresh);
		xmlAddPrevSibling(fresh, blank);
	} else {
		xmlAddChild(parent, fresh);
		xmlAddPrevSibling(fresh, blank);
		indent[2 * depth - 1] = '\0';
		xmlAddChild(parent, xmlNewDocText(e->doc, (const xmlChar *)indent));
	}
}

static void add_ignorable(struct edit *e, const char *prefix)
{
	xmlChar *old = xmlGetNoNsProp(e->package, (const xmlChar *)"IgnorableNamespaces");
	cleanup_free char *list = NULL;

	if (asprintf(&list, "%s%s%s", old ? (char *)old : "", old && *old ? " " : "", prefix) < 0 ||
	    !xmlSetProp(e->package, (const xmlChar *)"IgnorableNamespaces", (const xmlChar *)list))
		e->failed = true;
	xmlFree(old);
}

/* The namespace by its usual prefix, declared where it is not yet. */
static xmlNs *find_ns(struct edit *e, const char *href, const char *prefix)
{
	xmlNs *ns = xmlSearchNsByHref(e->doc, e->package, (const xmlChar *)href);

	if (ns)
		return ns;
	ns = xmlNewNs(e->package, (const xmlChar *)href, (const xmlChar *)prefix);
	if (ns)
		add_ignorable(e, prefix);
	e->failed = e->failed || !ns;
	return ns;
}

static xmlNode *new_node(struct edit *e, xmlNs *ns, const char *name, const char *key, const char *value)
{
	xmlNode *node = xmlNewDocNode(e->doc, ns, (const xmlChar *)name, NULL);

	if (node && key && !xmlSetProp(node, (const xmlChar *)key, (const xmlChar *)value))
		e->failed = true;
	return node;
}

static xmlNode *need_child(struct edit *e, const char *href, const char *prefix, const char *name)
{
	xmlNode *found = find_child(e, href, name);

	if (!found) {
		found = new_node(e, find_ns(e, href, prefix), name, NULL, NULL);
		put(e, e->package, NULL, found, 1);
	}
	return e->failed ? NULL : found;
}

/* Where foundation capabilities end: others stand behind them, with the comments before each. */
static xmlNode *first_other(const xmlNode *capabilities)
{
	const xmlNode *other = NULL;

	xml_each(child, capabilities)
	{
		if (xml_is(child, NS_FOUNDATION, "Capability"))
			continue;
		other = child;
		break;
	}
	while (other && is_blank(other->prev) && other->prev->prev && other->prev->prev->type == XML_COMMENT_NODE)
		other = other->prev->prev;
	return (xmlNode *)other;
}

static void add_capability(struct edit *e, const char *name)
{
	bool restricted = capability_is_restricted(name);
	xmlNode *parent, *next;
	xmlNs *ns;

	if (manifest_has_capability(e->before, name))
		return;
	ns = restricted ? find_ns(e, NS_RESTRICTED, "rescap") : find_ns(e, NS_FOUNDATION, NULL);
	parent = need_child(e, NS_FOUNDATION, NULL, "Capabilities");
	if (!parent)
		return;
	next = restricted ? NULL : first_other(parent);
	if (is_private(name))
		put(e, parent, next, xmlNewDocComment(e->doc, (const xmlChar *)PRIVATE_WHY), 2);
	put(e, parent, next, new_node(e, ns, "Capability", "Name", name), 2);
}

/* Was it mentioned before, by an earlier profile? */
static bool is_mentioned(const xmlNode *capabilities)
{
	for (const xmlNode *n = capabilities->children; n; n = n->next)
		if (n->type == XML_COMMENT_NODE && strstr((const char *)n->content, CAPABILITY_PROMPT))
			return true;
	return false;
}

static void mention_prompt(struct edit *e)
{
	xmlNode *parent;

	if (manifest_has_capability(e->before, CAPABILITY_PROMPT))
		return;
	(void)find_ns(e, NS_RESTRICTED, "rescap"); /* so that taking away the comment's marks is enough */
	parent = need_child(e, NS_FOUNDATION, NULL, "Capabilities");
	if (!parent || is_mentioned(parent))
		return;
	put(e, parent, NULL, xmlNewDocComment(e->doc, (const xmlChar *)MENTION_WHY), 2);
	put(e, parent, NULL, xmlNewDocComment(e->doc, (const xmlChar *)MENTION), 2);
}

static void add_settings(struct edit *e, const struct manifest_list *have, const char *name,
			 const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n && !e->failed; i++) {
		xmlNode *parent;

		if (read_list_has(have, list[i]))
			continue;
		parent = need_child(e, MANIFEST_NAMESPACE, "appsilo", "Settings");
		if (parent)
			put(e, parent, NULL,
			    new_node(e, find_ns(e, MANIFEST_NAMESPACE, "appsilo"), name, key, list[i]), 2);
	}
}

static int write_out(struct edit *e, const char *label, char **ret, size_t *ret_size,
		     struct appsilo_error *err)
{
	struct manifest after;
	xmlChar *text = NULL;
	int size = 0, r;

	if (!e->failed)
		xmlDocDumpMemoryEnc(e->doc, &text, &size, "utf-8");
	if (!text)
		return error_set(err, -ENOMEM, "%s", label);
	*ret = strndup((const char *)text, (size_t)size);
	*ret_size = (size_t)size;
	xmlFree(text);
	r = *ret ? manifest_parse(*ret, *ret_size, label, &after, err)
		 : error_set(err, -ENOMEM, "%s", label);
	if (r < 0)
		free(TAKE_PTR(*ret));
	else
		manifest_done(&after);
	return r;
}

int manifest_edit(const char *text, size_t size, const char *label,
		  const struct manifest_additions *add, char **ret, size_t *ret_size,
		  struct appsilo_error *err)
{
	cleanup(xml_freep) xmlDoc *doc = NULL;
	struct manifest before;
	struct edit e = {.before = &before};
	int r = manifest_parse(text, size, label, &before, err);

	if (r < 0)
		return r;
	r = xml_load(text, size, label, &doc, err);
	if (r == 0) {
		e.doc = doc;
		e.package = xmlDocGetRootElement(doc);
		for (size_t i = 0; i < add->n_capabilities && !e.failed; i++)
			add_capability(&e, add->capabilities[i]);
		if (add->mention_prompt)
			mention_prompt(&e);
		add_settings(&e, &before.hosts, "AllowHost", "Host", add->hosts, add->n_hosts);
		add_settings(&e, &before.system_paths, "SystemPath", "Path", add->system_paths,
			     add->n_system_paths);
		r = write_out(&e, label, ret, ret_size, err);
	}
	manifest_done(&before);
	return r;
}
