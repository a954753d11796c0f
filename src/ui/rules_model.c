/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/rules_model.h"

#include "ui/rule_words.h"
#include <string.h>

struct _RulesItem {
	GObject parent;
	struct snapshot *snapshot; /* ref */
	const struct snapshot_row *row;
};

G_DEFINE_FINAL_TYPE(RulesItem, rules_item, G_TYPE_OBJECT)

static void item_finalize(GObject *object)
{
	snapshot_unref(RULES_ITEM(object)->snapshot);
	G_OBJECT_CLASS(rules_item_parent_class)->finalize(object);
}

static void rules_item_class_init(RulesItemClass *class)
{
	G_OBJECT_CLASS(class)->finalize = item_finalize;
}

static void rules_item_init(RulesItem *item)
{
	(void)item;
}

const struct snapshot_row *rules_item_row(RulesItem *item)
{
	return item->row;
}

struct _RulesModel {
	GObject parent;
	enum rules_kind kind;
	char *family, *words;
	struct snapshot *snapshot; /* ref */
	const struct snapshot_row **rows; /* owned: those that are shown */
	size_t n;
};

static GType item_type(GListModel *list)
{
	(void)list;
	return RULES_TYPE_ITEM;
}

static guint count(GListModel *list)
{
	return (guint)RULES_MODEL(list)->n;
}

static gpointer item_at(GListModel *list, guint position)
{
	RulesModel *m = RULES_MODEL(list);
	RulesItem *item;

	if (position >= m->n)
		return NULL;
	item = g_object_new(RULES_TYPE_ITEM, NULL);
	item->snapshot = snapshot_ref(m->snapshot);
	item->row = m->rows[position];
	return item;
}

static void implement_list(GListModelInterface *interface)
{
	interface->get_item_type = item_type;
	interface->get_n_items = count;
	interface->get_item = item_at;
}

G_DEFINE_FINAL_TYPE_WITH_CODE(RulesModel, rules_model, G_TYPE_OBJECT,
			      G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, implement_list))

static void model_finalize(GObject *object)
{
	RulesModel *m = RULES_MODEL(object);

	snapshot_unref(m->snapshot);
	g_free(m->family);
	g_free(m->words);
	g_free(m->rows);
	G_OBJECT_CLASS(rules_model_parent_class)->finalize(object);
}

static void rules_model_class_init(RulesModelClass *class)
{
	G_OBJECT_CLASS(class)->finalize = model_finalize;
}

static void rules_model_init(RulesModel *m)
{
	(void)m;
}

RulesModel *rules_model_new(enum rules_kind kind, const char *family)
{
	RulesModel *m = g_object_new(RULES_TYPE_MODEL, NULL);

	m->kind = kind;
	m->family = g_strdup(family);
	return m;
}

static bool is_shown(const RulesModel *m, const struct snapshot_row *row)
{
	if (m->kind != RULES_ALL && row->network != (m->kind == RULES_HOSTS))
		return false;
	if (m->family && strcmp(m->family, row->family) != 0)
		return false;
	return rule_words_match(row, m->words);
}

/* The rows between what is the same at both ends are told to have changed. */
static void tell(RulesModel *m, const struct snapshot_row **old, size_t n_old)
{
	size_t head = 0, tail = 0, most = n_old < m->n ? n_old : m->n;

	while (head < most && snapshot_row_equal(old[head], m->rows[head]))
		head++;
	while (tail < most - head && snapshot_row_equal(old[n_old - 1 - tail], m->rows[m->n - 1 - tail]))
		tail++;
	if (head + tail < n_old || head + tail < m->n)
		g_list_model_items_changed(G_LIST_MODEL(m), (guint)head, (guint)(n_old - head - tail),
					   (guint)(m->n - head - tail));
}

static void show(RulesModel *m, struct snapshot *snapshot)
{
	const struct snapshot_row **old = m->rows;
	struct snapshot *before = m->snapshot;
	size_t n_old = m->n, n = snapshot_size(snapshot);

	m->rows = g_new(const struct snapshot_row *, n ? n : 1);
	m->snapshot = snapshot_ref(snapshot);
	m->n = 0;
	for (size_t i = 0; i < n; i++)
		if (is_shown(m, snapshot_row(snapshot, i)))
			m->rows[m->n++] = snapshot_row(snapshot, i);
	tell(m, old, n_old);
	g_free(old);
	snapshot_unref(before);
}

void rules_model_set_snapshot(RulesModel *m, struct snapshot *snapshot)
{
	show(m, snapshot);
}

void rules_model_search(RulesModel *m, const char *words)
{
	g_free(m->words);
	m->words = words && *words ? g_strdup(words) : NULL;
	show(m, m->snapshot);
}
