from dash import html
PATH, NAME = "/review", "Review"
def layout(desk, search):
    return html.Main("Review", className="gl-main")
def register(app, desk):
    pass
