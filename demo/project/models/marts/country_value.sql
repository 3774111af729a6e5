select
    country,
    count(*) as customers,
    sum(value) as value
from {{ ref('customer_value') }}
group by country
