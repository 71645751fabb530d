"""Every address of the page, and the function that answers it."""

from starlette.routing import BaseRoute, Route

from harness.look.curve_pages import curves_json, curves_page, parallel_page, rows_page
from harness.look.lab_pages import edge_json, eval_page, lab_page, tree_page
from harness.look.one_run_pages import about_page
from harness.look.pair_pages import pair_page
from harness.look.sample_pages import run_page, sample_page, samples_page, say_from_page


def page_routes() -> list[BaseRoute]:
    """The routes."""
    return [
        Route("/", lab_page),
        Route("/tree", tree_page),
        Route("/edge/{run}", edge_json),
        Route("/curves", curves_page),
        Route("/curves.json", curves_json),
        Route("/parallel", parallel_page),
        Route("/run/{run}", run_page),
        Route("/run/{run}/about", about_page),
        Route("/run/{run}/rows", rows_page),
        Route("/run/{run}/eval/{eval}", eval_page),
        Route("/run/{run}/samples/{eval}/{step:int}", samples_page),
        Route("/run/{run}/sample/{eval}/{step:int}", sample_page),
        Route("/pair/{a}/{b}", pair_page),
        Route("/said", say_from_page, methods=["POST"]),
    ]
