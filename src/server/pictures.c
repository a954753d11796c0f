/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pictures.h"

#include "server/runtimes.h"
#include <string.h>

#define FIGURES WORK_OWN_FOLDER "/figures/"
#define DRIVER WORK_OWN_FOLDER "/figures.py"

const char *const pictures_command[] = {"python3", "-I", DRIVER, RUNTIME_FILE, NULL};

/* As the interpreter runs a script; no frame of ours is shown. */
static const char driver[] =
	"import os, sys, types\n"
	"here = os.path.dirname(os.path.abspath(__file__))\n"
	"os.environ.setdefault('MPLBACKEND', 'Agg')\n"
	"os.environ.setdefault('MPLCONFIGDIR', '/tmp')\n"
	"def save():\n"
	"    plt = sys.modules.get('matplotlib.pyplot')\n"
	"    if not plt:\n"
	"        return\n"
	"    os.makedirs(here + '/figures', exist_ok=True)\n"
	"    for n in plt.get_fignums():\n"
	"        plt.figure(n).savefig(f'{here}/figures/figure-{n}.png')\n"
	"def show(kind, error, trace):\n"
	"    while trace and trace.tb_frame.f_globals is ours:\n"
	"        trace = trace.tb_next\n"
	"    sys.__excepthook__(kind, error.with_traceback(trace), trace)\n"
	"ours = globals()\n"
	"sys.excepthook = show\n"
	"script = sys.argv[1]\n"
	"sys.argv[:] = sys.argv[1:]\n"
	"sys.path.insert(0, os.path.dirname(os.path.abspath(script)))\n"
	"main = sys.modules['__main__'] = types.ModuleType('__main__')\n"
	"main.__file__ = script\n"
	"try:\n"
	"    with open(script, 'rb') as file:\n"
	"        code = compile(file.read(), script, 'exec')\n"
	"    exec(code, main.__dict__)\n"
	"finally:\n"
	"    save()\n";

int pictures_prepare(const struct work_dir *dir)
{
	return work_dir_write(dir, DRIVER, driver, sizeof(driver) - 1, false);
}

bool pictures_is_figure(void *data, const char *name)
{
	(void)data;
	return strncmp(name, FIGURES, strlen(FIGURES)) == 0;
}
