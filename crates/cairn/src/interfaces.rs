//! The interfaces that are served over HTTP, put together: a new one is a line here.

use axum::Router;

use crate::http::{Door, Routes};
use crate::{api, app_backups, panel, web};

pub(crate) fn routes(door: &Door) -> Routes {
    Routes {
        short: Router::new()
            .merge(panel::routes())
            .merge(api::routes(door))
            .merge(web::routes())
            .merge(app_backups::routes()),
        long: Router::new()
            .merge(api::streams())
            .merge(app_backups::long_routes()),
    }
}
