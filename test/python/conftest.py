"""The package is there before the tests, which import it, are."""
import sys

import package

package.install()
sys.path.insert(0, package.SITE)
